#!/usr/bin/python3
"""A mail server for tests: Debian's aiosmtpd, told over standard input how to misbehave.

The one argument is JSON: {"tls": "none" | "starttls" | "implicit", "certificate": PATH, "key": PATH,
"user": TEXT, "password": TEXT}. It listens on a free port of 127.0.0.1 and writes one JSON object a line:

  {"event": "listening", "port": N}      once
  {"event": "done"}                      a command was taken
  {"event": "step", "step": ..., "connection": N}      a step with a rule was reached
  {"event": "message", ...}              a message was received whole, before it is answered

Each line of standard input is a command:

  {"on": STEP, "reply": TEXT}            answer TEXT instead
  {"on": STEP, "drop": true}             cut the connection instead
  {"on": STEP, "hold": true}             wait for {"release": true} first; goes with the two above

STEP is CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, CONTENT, NOOP or RSET; a rule is used once, in order.
It ends when standard input does, so that it never outlives the test.
"""
import asyncio
import email
import email.policy
import functools
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

# What goes wrong is on purpose here; the tests look at the client.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

SETTINGS = json.loads(sys.argv[1])
RULES = []
RELEASE = []
CONNECTIONS = [0]


def say(event, **more):
    sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
    sys.stdout.flush()


async def ruled(server, step):
    """True where a rule answered in the server's place."""
    rule = next((rule for rule in RULES if rule["on"] == step), None)
    if rule is None:
        return False
    RULES.remove(rule)
    released = asyncio.Event()
    RELEASE.append(released)
    say("step", step=step, connection=server.number)
    if rule.get("hold"):
        await released.wait()
    if rule.get("drop"):
        server.transport.abort()
        raise ConnectionResetError
    if "reply" in rule:
        await server.push(rule["reply"])
        return True
    return False


class Server(SMTP):
    """The server of one connection."""

    async def _handle_client(self):
        CONNECTIONS[0] += 1
        self.number = CONNECTIONS[0]
        try:
            if not await ruled(self, "CONNECT"):
                await super()._handle_client()
        except ConnectionResetError:
            pass


def with_rules(step):
    original = getattr(SMTP, "smtp_" + step)

    @functools.wraps(original)
    async def method(self, arg):
        if not await ruled(self, step):
            await original(self, arg)

    return method


for name in ("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "NOOP", "RSET"):
    setattr(Server, "smtp_" + name, with_rules(name))


def parts_of(message):
    return [
        {"type": part.get_content_type(), "text": part.get_content().replace("\r\n", "\n"), "defects": [str(d) for d in part.defects]}
        for part in message.walk()
        if not part.is_multipart()
    ]


class Handler:
    """Takes messages, and reads them as a mail program would."""

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        auth = session.auth_data.login.decode() if session.authenticated else None
        say(
            "message",
            connection=server.number,
            tls=session.ssl is not None or SETTINGS["tls"] == "implicit",
            user=auth,
            hello=session.host_name,
            mail_from=envelope.mail_from,
            rcpt_to=envelope.rcpt_tos,
            raw=envelope.original_content.decode("ascii"),
            headers=[[name, str(value)] for name, value in message.items()],
            type=message.get_content_type(),
            parts=parts_of(message),
            defects=[str(defect) for defect in message.defects],
        )
        if await ruled(server, "CONTENT"):
            return "250 never sent"
        return "250 2.0.0 kept as 1"


class Quiet(Server):
    """After a rule's own answer to the content, the handler's is left out."""

    async def push(self, status):
        if status != "250 never sent":
            await super().push(status)


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == (
        SETTINGS.get("user"),
        SETTINGS.get("password"),
    )
    return AuthResult(success=good, handled=False, auth_data=data)


async def commands():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        if "on" in command:
            RULES.append(command)
        while RELEASE and "release" in command:
            RELEASE.pop().set()
        say("done")


async def main():
    context = None
    if SETTINGS["tls"] != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(SETTINGS["certificate"], SETTINGS["key"])
    login = {"authenticator": authenticate, "auth_required": True} if SETTINGS.get("user") else {}
    loop = asyncio.get_running_loop()

    def connection():
        return Quiet(
            Handler(),
            hostname="mail.test",
            loop=loop,
            tls_context=context if SETTINGS["tls"] == "starttls" else None,
            require_starttls=SETTINGS["tls"] == "starttls",
            auth_require_tls=SETTINGS["tls"] == "starttls",
            **login,
        )

    server = await loop.create_server(
        connection, "127.0.0.1", 0, ssl=context if SETTINGS["tls"] == "implicit" else None
    )
    say("listening", port=server.sockets[0].getsockname()[1])
    await commands()


asyncio.run(main())
