"""Looking into a running system and mending it by hand: what `ebbtide doctor`, `trace` and `dead-letters` stand on."""
