"""The world outside, behind the interfaces that handlers name."""
