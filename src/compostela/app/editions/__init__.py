"""The editions: which adapters stand behind the ports."""
