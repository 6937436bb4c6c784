// A middleware in JavaScript, for node and nothing else: what the shop floor reports as finished is booked in ERP, once.
// It keeps no database. An event is acknowledged only when its work is done; whoever sends it again is answered again.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

const told = (name) => process.env[`PILOTPLANT_${name}`] ?? "";
const TIMEOUT_MS = 4000;
const READ_LAG_MS = 1000; // as long as ERP may hide what it has booked
const SIGNATURE_AGE_MAX_S = 300;

class Refused extends Error {}

// --- ERP -------------------------------------------------------------------------------------------------------------

let token = null; // a promise, so that all who need a new one wait for the same
let restUntil = 0;

function currentToken() {
  token ??= fetchToken().catch((error) => {
    token = null;
    throw error;
  });
  return token;
}

async function fetchToken() {
  const form = { grant_type: "client_credentials", client_id: told("ERP_CLIENT_ID"), client_secret: told("ERP_CLIENT_SECRET") };
  const options = { method: "POST", body: new URLSearchParams(form), signal: AbortSignal.timeout(TIMEOUT_MS) };
  const answer = await fetch(told("ERP_TOKEN_URL"), options);
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return (await answer.json()).access_token;
}

async function ask(method, path, { body, headers = {} } = {}) {
  while (restUntil > Date.now()) await pause(restUntil - Date.now() + 50 * Math.random());
  const mine = await currentToken();
  const answer = await fetch(told("ERP_URL") + path, {
    method,
    body,
    headers: { ...headers, authorization: `Bearer ${mine}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (answer.status === 401 && (await token) === mine) token = null;
  const asked = answer.headers.get("retry-after");
  if (asked) {
    const ms = /^\d+$/.test(asked) ? 1000 * Number(asked) : Date.parse(asked) - Date.now();
    restUntil = Math.max(restUntil, Date.now() + ms + 20);
  }
  const said = await answer.json();
  if (answer.ok) return said;
  const passing = [401, 408, 409, 412, 423, 425, 429];
  if (said.definite && answer.status < 500 && !passing.includes(answer.status)) throw new Refused(said.code);
  throw new Error(`${method} ${path}: ${answer.status} ${said.code ?? ""}`);
}

function documentOf(done) {
  const made = { item: done.item, lot: done.lot, unit: done.unit };
  const lines = [
    { movement: "receipt", ...made, quantity: done.good },
    ...done.consumption.map((used) => ({ movement: "issue", ...used })),
    { movement: "scrap", ...made, quantity: done.scrap },
  ].filter((line) => line.quantity > 0);
  return { plant: done.plant, source_document: done.confirmation, posting_date: done.posting_date, lines };
}

async function book(done, traceparent) {
  const source = new URLSearchParams({ plant: done.plant, source_document: done.confirmation });
  const document = documentOf(done);
  if (document.lines.length === 0) return;
  const headers = { traceparent, "idempotency-key": `${done.plant}-${done.confirmation}` };
  let unsureSince = -READ_LAG_MS;
  for (let waitMs = 100; ; waitMs = Math.min(1000, 2 * waitMs)) {
    try {
      const found = await ask("GET", `/stock-documents?${source}`, { headers: { traceparent } });
      if (found.items.some((each) => !each.reversed)) return;
      if (performance.now() - unsureSince >= READ_LAG_MS) {
        unsureSince = performance.now();
        await ask("POST", "/stock-documents", { body: JSON.stringify(document), headers });
        return;
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    await pause(waitMs * (0.5 + Math.random() / 2));
  }
}

async function tellSomebody(subject, plant, reason) {
  const body = JSON.stringify({ flow: "production-confirmation", subject, plant, owner: "plant-it", reason, text: reason });
  const headers = { "x-api-key": told("DESK_API_KEY"), "content-type": "application/json" };
  for (;;) {
    try {
      const answer = await fetch(`${told("DESK_URL")}/exceptions`, { method: "POST", body, headers });
      if (answer.status < 500 && answer.status !== 429) return;
    } catch {
      // the desk is not there; somebody has to know all the same
    }
    await pause(500);
  }
}

// --- Events ----------------------------------------------------------------------------------------------------------

const atWork = new Map(); // by confirmation: the work that everybody who delivers it waits for
const finished = new Set();
let free = 12;
const waiting = [];

function isSigned(header, body) {
  const given = Object.fromEntries(header.split(",").map((part) => part.split("=")));
  const expected = createHmac("sha256", told("EVENTS_SECRET")).update(`${given.t}.`).update(body).digest("hex");
  const fresh = Math.abs(Date.now() / 1000 - Number(given.t)) < SIGNATURE_AGE_MAX_S;
  const [a, b] = [Buffer.from(expected), Buffer.from(given.v1 ?? "")];
  return fresh && a.length === b.length && timingSafeEqual(a, b);
}

async function inTurn(work) {
  if (free > 0) free -= 1;
  else await new Promise((go) => waiting.push(go));
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }
}

async function carryOut(done, traceparent) {
  try {
    await inTurn(() => book(done, traceparent));
  } catch (error) {
    await tellSomebody(done.confirmation, done.plant, error.message);
  }
}

function readable(body) {
  const event = JSON.parse(body);
  const done = event.data;
  if (event.type === "mes.order.completed") {
    const texts = [done.plant, done.confirmation, done.item, done.posting_date];
    if (!texts.every((text) => typeof text === "string") || !Array.isArray(done.consumption)) throw new Error("incomplete");
    if (![done.good, done.scrap].every(Number.isFinite)) throw new Error("incomplete");
  }
  return event;
}

async function take(request, body) {
  if (!isSigned(request.headers["pilotplant-signature"] ?? "", body)) return 401;
  let event;
  try {
    event = readable(body);
  } catch (error) {
    await tellSomebody(`${request.headers["pilotplant-event"] ?? "an event"}`, "", `unreadable: ${error.message}`);
    return 202;
  }
  if (event.type !== "mes.order.completed") return 202;
  const key = `${event.data.plant} ${event.data.confirmation}`;
  if (finished.has(key)) return 202;
  if (!atWork.has(key)) atWork.set(key, carryOut(event.data, event.traceparent ?? "").finally(() => atWork.delete(key)));
  await atWork.get(key);
  finished.add(key);
  return 202;
}

createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", async () => {
    const status = request.method === "POST" ? await take(request, Buffer.concat(parts)) : 200;
    response.writeHead(status).end();
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
