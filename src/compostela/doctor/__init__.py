"""What a mail server needs in DNS, and whether it has it: each check is a module with one idea."""
