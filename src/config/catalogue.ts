/**
 * Every diagnostic there is: what `fapi-gateway explain <id>` says about it.
 *
 * @module
 */

export const CATALOGUE = {
  'yaml-syntax':
    'The file is not YAML 1.2 as the gateway reads it: one document, keys that are text, no tags, aliases within reason, at most 1 MiB. Nothing else in the file is judged until this is mended.',
  'duplicate-key':
    'A map has the same key twice, or one setting is said in two ways (scopes and authorization.scopes). YAML readers differ in which one they take, so neither is taken. Remove one.',
  'duplicate-id':
    'Two routes have the same id. The id names a route in logs, metrics and explanations, so it has to be its own.',
  'duplicate-address':
    'Two listeners, or a listener and the administration port, would listen on one address and port; 0.0.0.0 and [::] are every address of their port. The second could not start. Or two public URLs of a listener have the same host and port: which of them was called could not be told from a request.',
  'unknown-key':
    'There is no setting of this name in this place. A setting that is misspelt is a protection that is not on, so unknown keys are errors and never passed over. config/REFERENCE.md lists the settings.',
  'missing-key':
    'A setting without a default is not there. config/REFERENCE.md says what it is for.',
  'wrong-type':
    'The value is of another kind than the setting: text for a number, one value for a list. In YAML 1.2 on, off, yes and no are text, and 1.2 without quotes is a number.',
  'invalid-value':
    'The value is of the right kind, but not one that the setting can have. Durations and sizes always have a unit: 500ms, 10s, 5m, 24h; 512B, 16KiB, 1MiB.',
  'unknown-reference': 'An issuer, upstream or host is used that is not defined in this file.',
  'missing-file':
    'A file cannot be read: it does not exist, is a folder, or may not be read by this user. Relative paths are relative to the file that names them; those of a configuration from the standard input to the current folder.',
  'invalid-file':
    'A file can be read, but does not hold what is expected of it: PEM certificates, a PEM private key without a passphrase.',
  'missing-secret':
    '${env:NAME}, ${file:/path} or ${cred:name} refers to something that is not there. An environment variable may have a default: ${env:NAME:-default}.',
  'key-mismatch':
    'The private key is not the key of the certificate. The gateway would start and no client could connect.',
  'weak-key':
    'RSA keys need 2048 bits, elliptic curve keys one of the curves P-256, P-384 and P-521 (RFC 9325 §4.5, FAPI 2.0 Security Profile §5.4.1).',
  'certificate-expired':
    'A certificate is used outside its dates. For the certificate of a listener this is an error: no client may accept it.',
  'certificate-expires-soon': 'A certificate is good for less than two weeks.',
  'name-not-covered':
    'A host name is served for which no certificate of the listener is good: clients that check (RFC 9525) will refuse.',
  'suite-mismatch':
    'The key of the certificate fits none of the TLS 1.2 cipher suites that the profile allows, so clients without TLS 1.3 cannot connect. FAPI 1.0 Advanced §8.5, for one, allows RSA suites only.',
  'profile-floor':
    'A value is looser than the profile allows. A profile is a table of settings, each with the clause of the specification that demands it; `fapi-gateway profile <name>` prints it. Values may be stricter anywhere, and looser only under `profile: custom`.',
  'defaults-floor':
    'A route is looser than the defaults of the same file. The defaults hold for every route, and a route adds to them. Loosen the defaults, and tighten the other routes.',
  'nothing-left':
    'The settings of a route and of one of its issuers have no algorithm in common, so every token of that issuer would be refused.',
  'ambiguous-route':
    'Two routes match the same requests and neither is more specific, so it would be chance which of them decides. A route that names the host wins over one that does not; then, segment by segment, a literal over * over **; then a route that names its methods. The order in the file has no meaning.',
  'shadowed-route':
    'A route that stands earlier also matches what a later, more specific one matches, and the later one wins. If you expected the first match to win, it does not. Putting the more specific route first keeps the meaning and ends this warning.',
  'plaintext-upstream':
    'An upstream is called without TLS, and not over a loopback address. What the gateway tells it about the client could be read and changed on the way (RFC 9700 §4.13). Where that is meant, name the upstream under `upstreams:` and set allow_plaintext: true.',
  'plaintext-store':
    'The store that instances share is called without TLS, and not over a loopback address. Whoever is on the way reads the password, and forges the answer that a proof was not used before. Write rediss://; where plain TCP is meant, as beside a proxy that adds TLS, set allow_plaintext: true.',
  'issuer-not-https':
    'Keys, metadata and introspection have to come over TLS (RFC 8414 §2, RFC 7662 §4, FAPI 2.0 Security Profile §5.2.1). Plain http is accepted for loopback addresses only.',
  'opaque-issuer-ambiguous':
    'A route has two issuers that introspect tokens. An opaque token does not say whose it is, and to ask both would show one issuer the tokens of the other. Split the route, or give it one such issuer.',
  'encrypting-issuer-ambiguous':
    'A route has two issuers that encrypt their tokens (RFC 9068 §4). Until it is decrypted, a token does not say whose it is, and it would be chance with whose keys that is tried. Split the route, or give it one such issuer.',
  'ambiguous-issuer':
    'A route has two entries for one issuer identifier: it would be chance by which of them a token is judged.',
  'admin-exposed':
    'The administration port listens on an address that others can reach, and has no token. Listen on 127.0.0.1, or set admin.token.',
  'workers-cannot-share':
    'Several workers share the limits of connections: each gets its part, so that the whole stays below the limit. A limit that is smaller than the number of workers leaves none for some of them, and giving each of them one would exceed it. Use fewer workers, or a larger limit.',
  'unrestricted-route':
    'A route that is not public asks for a token, and for nothing in it: no scopes, no any_scope, no claims. Every valid token of its issuers passes, whatever it was granted for (RFC 6750 §3.1, FAPI 2.0 Security Profile §5.3.4-4). Name the scopes or claims that the access needs, in the route or in the defaults.',
  'revocation-unseen':
    'A signed token stays good after its issuer revoked it: its signature says nothing of that. FAPI 2.0 Security Profile §5.3.4-3 wants revocation seen. Say within what time: revocation_max_delay with introspection asks the issuer about JWTs too and uses its answers no longer; without introspection, max_lifetime bounds how long a revoked token passes.',
  'mtls-without-certificates':
    'A route accepts certificate-bound tokens only, and no listener asks clients for a certificate, so it could never be used. Set client_ca, or client_certificate.verify.',
  'unused-setting':
    'A setting of an issuer has no effect, because of another: with tokens: introspection its tokens are judged by what it answers, and not by their type, nor by its keys and algorithms unless its answers are signed (introspection.response: jwt). Who wrote it believes in a protection that is not there. Leave it out, or change the other.',
  'unused-proxies':
    'The setting trusted_proxies names who may say for which client it asks, and nothing is taken from them: client_address is connection, and client_certificate.from is tls. Leave it out, or let it have an effect.',
  'unused-store':
    'The section stores.redis is there, and neither dpop.replay.store nor the cache of an issuer uses it. Use it, or leave it out.',
  'shared-in-part':
    'Instances behind one address have to share two things of DPoP: used proofs, or a proof that one of them accepted is accepted by another again (RFC 9449 §11.1); and the secret of nonces, or a client is told by each that the nonce of the other is stale (RFC 9449 §8). One of the two is shared here. With one instance alone, neither has to be.',
  'no-such-profile':
    'There is no such file in config/profiles. `fapi-gateway profile` lists the profiles.',
  'invalid-profile': 'A profile file of the gateway itself does not hold. This is a bug.',
} as const satisfies Readonly<Record<string, string>>

export type DiagnosticId = keyof typeof CATALOGUE

/** Whether a word is the id of a diagnostic: safe for any word, such as `constructor`. */
export function isDiagnosticId(id: string): id is DiagnosticId {
  return Object.hasOwn(CATALOGUE, id)
}
