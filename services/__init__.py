"""The five services. Each has the same menu of files; none imports another."""
