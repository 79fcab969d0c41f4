"""Users in an LDAP directory, by ldap3 on threads."""
