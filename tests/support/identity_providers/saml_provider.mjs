// A SAML 2.0 provider on a free port of 127.0.0.1, whose URL is the first line of its output.
//
//   node saml_provider.mjs ISSUER KEY.pem CERTIFICATE.pem
//
// /metadata describes it. /sign-in/WHAT takes requests; WHAT is signed: assertion, response, or both. Whoever
// types `jane|jane@example.com` there is jane, with that address; who types nothing is refused.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import express from "express";
import samlp from "samlp";

const [issuer, keyFile, certificateFile] = process.argv.slice(2);
const identity = { issuer, key: readFileSync(keyFile), cert: readFileSync(certificateFile) };
const quoted = (value) => value.replaceAll("&", "&amp;").replaceAll("\"", "&quot;");
const hidden = (name, value) => `<input type="hidden" name="${name}" value="${quoted(value)}">`;

const app = express();

app.get("/metadata", (request, response) => {
  const endpoint = "/sign-in/assertion";
  samlp.metadata({ ...identity, redirectEndpointPath: endpoint, postEndpointPath: endpoint })(request, response);
});

app.get("/sign-in/:what", (request, response, next) => {
  const { SAMLRequest, RelayState, login } = request.query;
  const { what } = request.params;
  if (login === undefined) {
    response.type("html").send(
      `<form>${hidden("SAMLRequest", SAMLRequest)}${hidden("RelayState", RelayState)}` +
        '<input name="login"><button>Sign in</button></form>',
    );
    return;
  }
  samlp.parseRequest(request, {}, (failure, asked) => {
    if (failure) return next(failure);
    const callback = asked.assertionConsumerServiceURL;
    const common = {
      ...identity,
      RelayState,
      destination: callback,
      recipient: callback,
      inResponseTo: asked.id,
      getPostURL: (...args) => args.at(-1)(null, callback),
    };
    if (login === "") {
      const error = { code: "urn:oasis:names:tc:SAML:2.0:status:Responder", description: "cancelled" };
      return samlp.sendError({ ...common, error })(request, response, next);
    }
    const [id, email] = login.split("|");
    samlp.auth({
      ...common,
      lifetimeInSeconds: 300,
      nameIdentifierFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
      signAssertion: what !== "response",
      signResponse: what !== "assertion",
      getUserFromRequest: () => ({ id, emails: email ? [{ value: email }] : [], displayName: id, name: {} }),
    })(request, response, next);
  });
});

const server = createServer(app);
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
