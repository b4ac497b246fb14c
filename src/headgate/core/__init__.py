"""Words everybody shares. Standard library only."""
