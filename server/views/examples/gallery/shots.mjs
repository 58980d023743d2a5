// Serves the gallery with the portal's real Content-Security-Policy, opens every page in Debian's chromium at 320, 768
// and 1280 px, light and dark, and writes a screenshot of each. Fails on a page wider than its window, on a CSP violation
// and on a script error. Needs nothing but node and chromium. With AXE=path/to/axe.min.js it also runs axe on each.
//
//   node server/views/examples/gallery/shots.mjs GALLERY SHOTS [part-of-name] [width[,width…]] [light,dark]
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";

const [gallery, shots, only = "", widths = "320,768,1280", schemes = "light,dark"] = process.argv.slice(2);
if (!gallery || !shots) { console.error("usage: shots.mjs GALLERY SHOTS [name] [widths] [schemes]"); process.exit(2); }
mkdirSync(shots, { recursive: true });

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const server = createServer((request, response) => {
  let path = new URL(request.url, "http://x").pathname;
  let policy = path.startsWith("/demo-message") ? `${csp}; frame-src 'self'` : csp;
  if (/^\/demo\/mail\/\w+\/html$/.test(path)) { path = "/mail-frame.html"; policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox allow-top-navigation-by-user-activation"; }
  const file = join(gallery, path);
  if (!existsSync(file) || path.includes("..") || path === "/") { response.writeHead(404).end(); return; }
  response.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream", "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff" });
  response.end(readFileSync(file));
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const base = `http://127.0.0.1:${server.address().port}`;

// The devtools protocol over a pipe: messages end with a zero byte.
const profile = mkdtempSync(join(tmpdir(), "gallery-"));
const browser = spawn("chromium", ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", `--user-data-dir=${profile}`, "--remote-debugging-pipe"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
let id = 0, buffer = "";
const waiting = new Map(), listeners = [];
browser.stdio[4].on("data", (chunk) => {
  buffer += chunk;
  for (let end; (end = buffer.indexOf("\0")) >= 0; ) {
    const message = JSON.parse(buffer.slice(0, end));
    buffer = buffer.slice(end + 1);
    if (message.id) { const { done, fail } = waiting.get(message.id); waiting.delete(message.id); message.error ? fail(new Error(message.error.message)) : done(message.result); }
    else for (const listener of listeners) listener(message);
  }
});
const send = (method, params = {}, sessionId) => new Promise((done, fail) => {
  waiting.set(++id, { done, fail });
  browser.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
});

const { targetId } = await send("Target.createTarget", { url: "about:blank" });
const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
const page = (method, params) => send(method, params, sessionId);
const problems = [];
let current = "";
listeners.push((m) => {
  if (m.method === "Log.entryAdded" && m.params.entry.level === "error") problems.push(`${current}: ${m.params.entry.text} ${m.params.entry.url ?? ""}`);
  if (m.method === "Runtime.exceptionThrown") problems.push(`${current}: ${m.params.exceptionDetails.exception?.description ?? m.params.exceptionDetails.text}`);
});
for (const domain of ["Page", "Log", "Runtime"]) await page(`${domain}.enable`);
const open = (url) => new Promise((done) => {
  const listener = (m) => { if (m.method === "Page.loadEventFired") { listeners.splice(listeners.indexOf(listener), 1); done(); } };
  listeners.push(listener);
  page("Page.navigate", { url });
});

const names = readdirSync(gallery).filter((f) => f.endsWith(".html") && !["index.html", "mail-frame.html"].includes(f)).map((f) => f.slice(0, -5)).filter((n) => n.includes(only)).sort();
for (const scheme of schemes.split(",")) {
  await page("Emulation.setEmulatedMedia", { media: scheme === "print" ? "print" : "screen", features: [{ name: "prefers-color-scheme", value: scheme === "dark" ? "dark" : "light" }, { name: "forced-colors", value: scheme === "forced" ? "active" : "none" }, { name: "prefers-reduced-motion", value: "reduce" }] });
  for (const width of widths.split(",").map(Number)) {
    await page("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 });
    for (const name of names) {
      current = `${name} ${width} ${scheme}`;
      await open(`${base}/${name}.html`);
      const { result } = await page("Runtime.evaluate", { expression: "JSON.stringify([document.documentElement.scrollWidth, Math.max(document.documentElement.scrollHeight, 400)])", returnByValue: true });
      const [wide, tall] = JSON.parse(result.value);
      if (wide > width) problems.push(`${current}: ${wide} px wide`);
      if (process.env.AXE) {
        await page("Runtime.evaluate", { expression: `${readFileSync(process.env.AXE, "utf8")};0` });
        const run = `axe.run().then((r) => JSON.stringify(r.violations.map((v) => \`\${v.id} (\${v.impact}): \${v.nodes.map((n) => n.target.join(" ")).join(", ")}\`)))`;
        const found = await page("Runtime.evaluate", { expression: run, awaitPromise: true, returnByValue: true });
        for (const violation of JSON.parse(found.result.value)) problems.push(`${current}: ${violation}`);
      }
      const { data } = await page("Page.captureScreenshot", { format: "png", captureBeyondViewport: true, clip: { x: 0, y: 0, width, height: Math.min(tall, 4000), scale: 1 } });
      writeFileSync(join(shots, `${name}-${width}-${scheme}.png`), Buffer.from(data, "base64"));
    }
  }
}
const gone = new Promise((done) => browser.once("exit", done));
await send("Browser.close").catch(() => {});
await gone;
server.close();
server.closeAllConnections();
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
for (const problem of new Set(problems)) console.error(problem);
console.error(`${names.length} pages, ${new Set(problems).size} problems`);
process.exit(problems.length ? 1 : 0);
