"""LMTP (RFC 2033): what it says otherwise than SMTP, whose engine and grammar it uses."""
