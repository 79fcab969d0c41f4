"""What HELP of `ManageSieveMailet` sends if no other text is configured."""

HELP = """\
You can edit your Sieve scripts by mail. Write the command into the subject, and send the mail while you are
logged in, from your own address. The answer comes by mail. Names are in quotes, as "main".

A script goes with a mail as an attachment: the first one of the type application/sieve, or with a name that
ends in .sieve or .siv.

CAPABILITY                      what the server can do
CHECKSCRIPT                     check the attached script without storing it
PUTSCRIPT "name"                store the attached script, if it is valid
GETSCRIPT "name"                send a script back
GETACTIVE                       send the active script back
LISTSCRIPTS                     list the scripts; the active one is marked
SETACTIVE "name"                make a script the active one; "" leaves none active
RENAMESCRIPT "old" "new"        rename a script
DELETESCRIPT "name"             delete a script that is not active
HAVESPACE "name" 1000           ask whether a script of 1000 octets could be stored
HELP                            this text

Mails may be carried out in another order than you sent them: wait for an answer before the next command.
"""
