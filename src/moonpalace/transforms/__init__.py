"""What may change the traffic, each unit pure: values in, values out, no socket and no clock."""
