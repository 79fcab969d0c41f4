"""What dialogues about crowdsec share."""

BAN = (
    b'[{"duration":"3h59m50.27s","id":4,"origin":"cscli","scenario":"manual \'ban\' from \'localhost\'","scope":"Ip",'
    b'"type":"ban","value":"127.0.0.1"}]'
)
NOTHING = b"null"
