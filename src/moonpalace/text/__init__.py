"""Pure algorithms on text: how wide it is, how it is shown safely."""
