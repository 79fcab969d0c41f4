"""What dialogues about managesieve share."""

MANAGESIEVE = """<managesieveservers><managesieveserver><jmxName>sieve</jmxName><bind>127.0.0.1:0</bind>
<tls startTLS="true"><privateKey>file://var/tls/key.pem</privateKey><certificates>file://var/tls/certificate.pem</certificates></tls>
<auth><requireSSL>{ssl}</requireSSL><saslMechanisms>PLAIN,SCRAM-SHA-256</saslMechanisms></auth></managesieveserver></managesieveservers>"""
