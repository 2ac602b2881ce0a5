"""What may enter, under which name: pure functions of a decoded event, an emitter and an instant."""
