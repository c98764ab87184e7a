// An OpenID Connect provider on a free port of 127.0.0.1, whose issuer is the first line of its output.
//
// Whoever types a name into its login page is who they say. Clients register themselves. POST /people, with
// claims by name, says what is told about whom; POST /rotate replaces the signing keys.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { Provider } from "oidc-provider";

function signingKeys() {
  const keys = [["RS256", "rsa", { modulusLength: 2048 }], ["ES256", "ec", { namedCurve: "P-256" }]];
  return keys.map(([alg, type, options]) => ({
    ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
    kid: randomUUID(), alg, use: "sig",
  }));
}

const people = {};

function findAccount(_, id) {
  return { accountId: id, claims: () => ({ sub: id, ...people[id] }) };
}

// What outlives new keys. The package's own store does not.
const rows = new Map();

class Rows {
  constructor(model) {
    this.key = (id) => `${model}:${id}`;
    this.isOurs = ([key]) => key.startsWith(`${model}:`);
  }
  async upsert(id, payload) { rows.set(this.key(id), payload); }
  async find(id) { return rows.get(this.key(id)); }
  async findByUid(uid) { return [...rows].find((row) => this.isOurs(row) && row[1].uid === uid)?.[1]; }
  async consume(id) { rows.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { rows.delete(this.key(id)); }
  async revokeByGrantId(grantId) {
    for (const [key, payload] of rows) if (payload.grantId === grantId) rows.delete(key);
  }
}

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

function answer() {
  const provider = new Provider(issuer, {
    adapter: Rows,
    findAccount,
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    conformIdTokenClaims: process.argv[2] !== "claims-in-id-token",
    cookies: { keys: ["of no importance"] },
    enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "HS256"] },
    features: { devInteractions: { enabled: true }, registration: { enabled: true } },
    jwks: { keys: signingKeys() },
    pkce: { required: () => true },
  });
  return provider.callback();
}

let respond = answer();
server.on("request", async (request, response) => {
  if (request.url === "/people") {
    Object.assign(people, await json(request));
    response.writeHead(204).end();
  } else if (request.url === "/rotate") {
    respond = answer();
    response.writeHead(204).end();
  } else {
    respond(request, response);
  }
});
console.log(issuer);
