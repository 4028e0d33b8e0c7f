"""What only this vendor does: its header names, paths and habits."""
