"""What lives as long as the process: counters that need no engine."""
