// Log in by STARTTLS with the mechanism that ImapFlow chooses, idle until a mail comes, read it, mark it, add one.
// node client.mjs HOST PORT CERTIFICATE USER PASSWORD; prints "idle" when it waits, then one line of JSON.
import { readFileSync } from "node:fs";
import { ImapFlow } from "imapflow";

const [host, port, certificate, user, pass] = process.argv.slice(2);
const lines = [];
const keep = (entry) => { if (entry.src === "s" || entry.src === "c") lines.push(`${entry.src}: ${entry.msg}`); };
const client = new ImapFlow({
  host, port: Number(port), secure: false, doSTARTTLS: true, auth: { user, pass },
  tls: { ca: readFileSync(certificate) },
  logger: { debug: keep, info: keep, warn: keep, error: keep },
});
try {
  await client.connect();
  const lock = await client.getMailboxLock("INBOX");
  const came = new Promise((resolve) => client.once("exists", resolve));
  const idle = client.idle();
  console.log("idle");
  const { count } = await came;
  await client.noop();
  await idle;
  const message = await client.fetchOne("*", { envelope: true, source: true });
  await client.messageFlagsAdd("*", ["\\Flagged"]);
  lock.release();
  await client.append("Sent", "Subject: from ImapFlow\r\n\r\nText.\r\n", ["\\Seen"]);
  const sent = await client.status("Sent", { messages: true });
  await client.logout();
  const login = lines.filter((line) => /^c: \S+ (AUTHENTICATE|LOGIN)\b/.test(line)).map((line) => line.split(" ").slice(2, 4).join(" "));
  console.log(JSON.stringify({ count, subject: message.envelope.subject, source: message.source.toString(), sent: sent.messages, login }));
} catch (error) {
  console.error(error, lines.join("\n"));
  process.exit(1);
}
