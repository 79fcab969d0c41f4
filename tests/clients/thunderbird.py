"""Thunderbird on a display of its own, driven as a person would: it finds the settings, shows a mailbox, reads, writes."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compostela.testing.ports import free_port
from tests.clients.marionette import Marionette
from tests.clients.sample import HOST, SampleServer

START_SECONDS = 60.0
_PREFERENCES = """
user_pref("marionette.port", %d);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("mail.provider.suppress_dialog_on_startup", true);
user_pref("mailnews.start_page.enabled", false);
"""
_COMMON = """
const {MailServices} = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const window = Services.wm.getMostRecentWindow("mail:3pane");
const sleep = milliseconds => new Promise(resolve => window.setTimeout(resolve, milliseconds));
const until = async (what, condition) => {
  for (const start = Date.now(); Date.now() - start < 50000; await sleep(20)) {
    const value = condition();
    if (value) return value;
  }
  throw new Error("waited in vain for " + what);
};
const pane = () => window.document.getElementById("tabmail").currentAbout3Pane;
"""
_TRUST = """
const [base64, ports] = args;
const certificate = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).constructX509FromBase64(base64);
const overrides = Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService);
for (const port of ports) overrides.rememberValidityOverride("localhost", port, {}, certificate, false);
"""
_ADD_ACCOUNT = """
const [address, password, host, imap, smtp] = args;
const {GuessConfig} = ChromeUtils.importESModule("resource:///modules/accountcreation/GuessConfig.sys.mjs");
const {AccountConfig} = ChromeUtils.importESModule("resource:///modules/accountcreation/AccountConfig.sys.mjs");
const {CreateInBackend} = ChromeUtils.importESModule("resource:///modules/accountcreation/CreateInBackend.sys.mjs");
const config = new AccountConfig();
Object.assign(config.identity, {emailAddress: address, realname: "Ann"});
Object.assign(config.incoming, {type: "imap", hostname: host, port: imap, username: address, password});
Object.assign(config.outgoing, {hostname: host, port: smtp, username: address, password});
await GuessConfig.guessConfig(host, () => {}, config, "both", new window.AbortController().signal);
await CreateInBackend.createAccountInBackend(config);
return {
  imap: [config.incoming.socketType, config.incoming.auth, config.incoming.authAlternatives],
  smtp: [config.outgoing.socketType, config.outgoing.auth, config.outgoing.authAlternatives],
};
"""
_SHOW_INBOX = """
const server = MailServices.accounts.defaultAccount.incomingServer;
server.performExpand(null);
const inbox = await until("INBOX", () => server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox));
await until("the window", () => pane()?.folderTree);
await until("the folder in the tree", () => { pane().displayFolder(inbox.URI); return pane().gFolder == inbox; });
await until("the list", () => pane().gDBView);
"""
_SHOWN = """
const view = (await until("the list", () => pane().gDBView));
await until(args[0] + " messages in the list; there are " + view.rowCount, () => view.rowCount == args[0]);
return Array.from({length: view.rowCount}, (_, row) => view.getMsgHdrAt(row).mime2DecodedSubject);
"""
_READ = """
const view = pane().gDBView;
const row = Array.from({length: view.rowCount}).findIndex((_, row) => view.getMsgHdrAt(row).mime2DecodedSubject == args[0]);
pane().threadTree.selectedIndex = row;
const browser = await until("the pane of the message", () => pane().messageBrowser?.contentWindow);
await until("the message", () => browser.gMessage?.mime2DecodedSubject == args[0]);
const body = () => browser.getMessagePaneBrowser().contentDocument?.querySelector(".moz-text-plain")?.textContent;
return (await until("the text", body)).trim();
"""
_SEND = """
const [to, subject, body] = args;
const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
Object.assign(fields, {to, subject, body});
const parameters = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
parameters.composeFields = fields;
parameters.format = Ci.nsIMsgCompFormat.PlainText;
parameters.type = Ci.nsIMsgCompType.New;
parameters.identity = MailServices.accounts.defaultAccount.defaultIdentity;
MailServices.compose.OpenComposeWindowWithParams(null, parameters);
const writing = await until("the window for writing", () => {
  const found = Services.wm.getMostRecentWindow("msgcompose");
  return found?.composeEditorReady && found;
});
writing.goDoCommand("cmd_sendNow");
await until("the end of sending; the window says: " + writing.document.title, () => writing.closed);
"""


class Thunderbird:
    def __init__(self, marionette: Marionette) -> None:
        self._marionette = marionette

    def trust(self, server: SampleServer) -> None:
        """As a person who accepts the self-signed certificate."""
        base64 = "".join(server.certificate.read_text().split("-----")[2].split())
        self._run(_TRUST, base64, [server.imap, server.submission])

    def add_account(self, server: SampleServer, user: str, password: str) -> Any:
        """Thunderbird's own assistant looks at the two ports, and chooses TLS and mechanism. Returns for each of `imap` and `smtp`: the
        kind of TLS, the mechanism, the other mechanisms that it would take (nsMsgSocketType, nsMsgAuthMethod)."""
        return self._run(_ADD_ACCOUNT, user, password, HOST, server.imap, server.submission)

    def show_inbox(self) -> None:
        self._run(_SHOW_INBOX)

    def shown(self, count: int) -> list[str]:
        """The subjects in the list, as soon as there are `count`."""
        return list(self._run(_SHOWN, count))

    def read(self, subject: str) -> str:
        """Select a message of the list; the text that appears."""
        return str(self._run(_READ, subject))

    def send(self, to: str, subject: str, text: str) -> None:
        """Write in a window and press Send; returns when the window has closed."""
        self._run(_SEND, to, subject, text)

    def _run(self, script: str, *arguments: object) -> Any:
        return self._marionette.run(_COMMON + script, *arguments)


@contextlib.contextmanager
def running_thunderbird(folder: Path) -> Iterator[Thunderbird]:
    """Thunderbird with a new profile in `folder`, under Xvfb."""
    port = free_port()
    profile = folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text(_PREFERENCES % port)
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "thunderbird.log").open("wb"))
        read, write = os.pipe()
        display = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
            pass_fds=[write],
            stderr=log,
        )
        stack.callback(_end, display)
        os.close(write)
        with open(read, "rb") as number:
            name = number.readline().decode().strip()
        program = subprocess.Popen(
            ["thunderbird", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", str(profile)],
            env={**os.environ, "DISPLAY": f":{name}", "HOME": str(folder)},
            stdout=log,
            stderr=log,
        )
        stack.callback(_end, program)
        marionette = _connect(port, program, folder / "thunderbird.log")
        stack.callback(marionette.close)
        yield Thunderbird(marionette)


def _connect(port: int, program: "subprocess.Popen[bytes]", log: Path) -> Marionette:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return Marionette(port)
        except OSError:
            assert program.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)


def _end(program: "subprocess.Popen[bytes]") -> None:
    program.terminate()
    try:
        program.wait(20)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
