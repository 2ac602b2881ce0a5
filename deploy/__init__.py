"""Everything about running Ebbtide: the local stack, the supervised system, the `ebbtide` command."""
