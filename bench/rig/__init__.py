"""The rig: what every benchmark stands on: processes, targets, load, figures."""
