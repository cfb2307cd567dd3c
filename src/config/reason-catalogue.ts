/**
 * Every reason of a refusal: what it means, under the check or the part of the program that finds it.
 *
 * @module
 */

export const REASONS = {
  message: {
    http_malformed: 'The bytes are no HTTP request that can be read in one way only.',
    request_too_slow: 'The request had not come as a whole in the time that limits gives it.',
    header_bytes_too_many: 'The header section is larger than limits.headers.',
    header_lines_too_many: 'The header section has more lines than limits.header_lines.',
    target_too_long: 'The request target is longer than limits.url.',
    chunk_extensions_too_long: 'The extensions of the chunks are longer than anybody needs.',
    content_length_malformed: 'Content-Length is not one number, or is there with two values.',
    content_length_over_limit: 'Content-Length is larger than limits.body of the route.',
    body_too_large: 'The content, sent without its length, became larger than limits.body.',
    body_incomplete: 'The client ended the connection before all of its content had come.',
    framing_ambiguous: 'Content-Length and Transfer-Encoding are both there (request smuggling).',
    framing_of_http_1_0: 'Transfer-Encoding is used in HTTP/1.0, which does not have it.',
    http_version_unknown: 'The request line says no version of HTTP that is served: 1.1 or 1.0.',
    transfer_coding_unknown: 'Transfer-Encoding is something else than chunked, alone.',
    expectation_unknown: 'Expect asks for something else than 100-continue.',
    host_missing: 'There is no Host field.',
    connection_malformed: 'Connection is not a list of tokens.',
    host_several: 'There is more than one Host field.',
    host_malformed: 'Host, or the authority of the target, is no host with an optional port.',
    method_connect: 'CONNECT asks for a tunnel, and there are none.',
    pseudo_field_unexpected:
      'HTTP/2: a pseudo-field is there twice, unknown, or behind other fields.',
    pseudo_field_malformed: 'HTTP/2: :method or :path is missing, or is not of its form.',
    scheme_not_https: 'HTTP/2: :scheme is another than https.',
    field_malformed: 'HTTP/2: a name or a value has characters that no field may have.',
    field_of_connection:
      'HTTP/2: a field speaks of a connection of HTTP/1, such as Transfer-Encoding.',
    host_is_not_authority: 'HTTP/2: Host and :authority name two hosts.',
    content_length_untrue: 'HTTP/2: Content-Length promises content, and the stream has none.',
    head_with_content: 'HTTP/2: a HEAD request has content, which has no meaning.',
    http2_resets_too_many: 'HTTP/2: most streams of the connection were reset (rapid reset).',
    http2_frames_too_many: 'HTTP/2: the connection sent more PING or SETTINGS than anybody needs.',
    path_fragment: 'The target has a #, which a request never sends.',
    path_form_not_supported: 'The target is neither a path nor an http URL.',
    path_backslash: 'The path has a backslash, which some servers take for a slash.',
    path_parameter: 'The path has a semicolon, behind which some servers cut.',
    path_character: 'The path has a character that has to be percent-encoded.',
    path_percent_malformed: 'A % of the path is not followed by two hexadecimal digits.',
    path_empty_segment: 'The path has two slashes in a row, which some servers take for one.',
    path_dot_segment: 'The path has a segment . or .., which would lead elsewhere.',
    path_encoded_separator: 'The path has an encoded slash or backslash.',
    path_encoded_control: 'The path has an encoded control character.',
    path_double_encoding: 'The path has an encoded %: decoded twice, it would be another path.',
    path_not_utf8: 'What the path encodes is not UTF-8.',
    path_query_character: 'The query has a character that has to be percent-encoded.',
    websocket_method_not_get: 'A WebSocket is asked for by another method than GET.',
    websocket_with_content: 'A WebSocket is asked for with content, or a length of it.',
    websocket_version_unknown: 'Sec-WebSocket-Version is something else than 13, alone.',
    websocket_key_malformed: 'Sec-WebSocket-Key is not there once with 16 bytes in Base64.',
    websocket_pipelined: 'A WebSocket is asked for before earlier requests have their answers.',
    max_forwards_malformed: 'Max-Forwards of an OPTIONS request is not one number.',
    token_in_query: 'The query has an access_token, and would leave it in logs and histories.',
    token_in_form: 'The form has an access_token: tokens are taken from Authorization only.',
    form_coded: 'A form with a Content-Encoding cannot be searched for an access_token.',
    client_cert_field_several: 'The certificate that a proxy passes on stands on two field lines.',
    client_cert_field_too_long: 'The certificate that a proxy passes on is longer than 32 KiB.',
    client_cert_field_malformed:
      'The certificate that a proxy passes on is not one certificate in the format of client_certificate.from.',
    client_cert_chain_alone: 'A proxy passes on intermediate CAs without a certificate.',
    form_too_large: 'The form is too large to be searched for an access_token.',
  },
  routing: {
    request_loops: 'Via says that this very gateway has forwarded the request before.',
    host_not_served: 'The host, with its port, is of no public URL of this listener.',
    host_is_not_sni: 'The host is not the one that the TLS handshake asked for.',
    connection_before_reload: 'The connection is from before a reload that changed its listener.',
    route_not_found: 'No route matches the host and the path.',
    method_not_of_metadata: 'The metadata of the resource can be read and nothing else.',
    method_not_of_route: 'Routes match the path, and none of them for this method.',
  },
  gateway: {
    memory_exhausted: 'The gateway is short of memory, and takes no more requests for now.',
    internal_error: 'The gateway met a fault of its own; its log has the stack. Please report it.',
    upstream_busy: 'All connections to the upstream are in use, and as many requests wait.',
    upstream_connect_timeout: 'No connection to the upstream came about in timeouts.connect.',
    upstream_timeout: 'The upstream did not answer within its timeouts.',
    upstream_unreachable: 'The upstream refuses connections, or its name or host is not found.',
    upstream_tls: 'The TLS handshake with the upstream failed, or its certificate is not trusted.',
    upstream_response_invalid: 'The upstream ended the connection, or sent what is no response.',
  },
  transport: {
    tls_version_too_low: 'The connection has a TLS version below transport.min_version.',
    tls_cipher_suite_not_accepted: 'The connection has a cipher suite that the route refuses.',
  },
  credentials: {
    token_missing: 'There is no Authorization field.',
    authorization_several: 'There is more than one Authorization field.',
    scheme_unknown: 'Authorization has another scheme than Bearer and DPoP.',
    scheme_not_accepted: 'Authorization has the scheme DPoP, and the route takes Bearer only.',
    dpop_scheme_required: 'Authorization has the scheme Bearer, and the route takes DPoP only.',
    credentials_malformed: 'Behind the scheme there is not one space and one token.',
    token_too_long: 'The token is longer than limits.token.',
  },
  dpop_proof: {
    dpop_proof_missing: 'The scheme is DPoP, and there is no DPoP field with a proof.',
    dpop_proof_several: 'There is more than one DPoP field.',
    dpop_proof_too_long:
      'The proof is longer than 8192 characters; with the largest key it has 2500.',
    dpop_proof_malformed: 'The proof is no JWS in compact form.',
    dpop_claims_malformed: 'The payload of the proof is no JSON object.',
    dpop_typ: 'The typ of the proof is not dpop+jwt.',
    dpop_alg_not_allowed: 'The algorithm of the proof is not one of dpop_proof.algorithms.',
    dpop_jwk_invalid:
      'The jwk is private, weak, malformed, not for the algorithm, or RSA of more than 4096 bits.',
    dpop_jwk_not_a_key: 'The point of the jwk is not on its curve.',
    dpop_signature_invalid: 'The signature of the proof is not that of its jwk.',
    dpop_jti_malformed: 'The jti of the proof is missing, empty, too long, or no text.',
    dpop_iat_malformed: 'The iat of the proof is missing, or no time in seconds.',
    dpop_nonce_malformed: 'The nonce of the proof is no text.',
    dpop_htm_mismatch: 'The proof was made for another method.',
    dpop_htu_malformed: 'The htu of the proof is missing, or no text.',
    dpop_htu_mismatch: 'The proof was made for another URL: compare htu with public_url.',
    dpop_ath_mismatch: 'The proof was made for another access token, or has no ath.',
  },
  access_token: {
    token_not_a_jwt: 'The token is opaque, and no issuer of the route introspects tokens.',
    token_encryption_not_agreed:
      'The token is encrypted for no key that was agreed on with its issuer.',
    token_decryption_failed: "The token cannot be decrypted with the keys of its issuer's entry.",
    token_not_encrypted: 'The issuer encrypts its tokens, and this one is not encrypted as agreed.',
    token_issuer_of_other_key:
      'The encrypted token names another issuer than the one the key is for.',
    token_confirmation_differs:
      'The issuer, asked whether the token was revoked, says that it is bound otherwise than the token does.',
    token_malformed: 'The token is no JWS in compact form.',
    token_claims_malformed: 'The payload of the token is no JSON object.',
    token_issuer_unknown: 'The iss of the token is no issuer of the route.',
    token_issuer_mismatch: 'The iss of the token is not the issuer that vouches for it.',
    token_not_introspectable: 'The issuer of the token is not one that is asked about tokens.',
    token_typ: 'The typ of the token is not at+jwt: perhaps it is an ID token.',
    token_alg_not_allowed: 'The algorithm of the token is not one that its issuer may use.',
    token_kid_malformed: 'The kid of the token is no text, or too long.',
    token_kid_unknown: 'No key of the issuer fits the kid and algorithm of the token.',
    token_signature_invalid: 'The signature of the token is of no key of its issuer.',
    token_claim_missing: 'The token lacks sub, client_id or jti, which RFC 9068 requires.',
    token_iat_missing: 'The token lacks iat, which RFC 9068 requires.',
    token_iat_malformed: 'The iat of the token is no time in whole seconds.',
    token_from_the_future: 'The iat of the token is ahead of our clock by more than clock_skew.',
    token_exp_malformed: 'The exp of the token is missing, or no time in whole seconds.',
    token_expired: 'The token has expired.',
    token_expired_since: 'The token has expired since it was verified and remembered.',
    token_nbf_malformed: 'The nbf of the token is no time in whole seconds.',
    token_not_yet_valid: 'The nbf of the token is ahead of our clock by more than clock_skew.',
    token_lifetime_unknown: 'The token has no iat, and max_lifetime is set.',
    token_lifetime_too_long: 'The token lives longer than max_lifetime.',
    audience_not_of_route: 'The aud of the token names no audience of this route.',
    token_audience_malformed: 'The aud of the token is missing, or no text or list of texts.',
    token_audience_mismatch: 'The aud of the token names no audience of its issuer here.',
    token_inactive: 'The issuer says that the token is not active: unknown, expired or revoked.',
    token_use_not_access:
      'The issuer says that it is no access token, but perhaps a refresh token.',
    token_type_mismatch: 'The issuer says DPoP in token_type or in cnf, and not in both.',
    cnf_malformed: 'The cnf of the token is no JSON object.',
    cnf_empty: 'The cnf of the token has no confirmation method.',
    cnf_method_unknown: 'The cnf of the token has another method than x5t#S256 and jkt.',
    cnf_thumbprint_malformed: 'A thumbprint in the cnf of the token is no SHA-256 in base64url.',
    introspection_busy: 'Too many calls to the introspection endpoint are under way.',
    introspection_circuit_open:
      'The introspection endpoint did not answer several times, and is left alone for a while.',
    introspection_unavailable: 'The introspection endpoint did not answer, or not with 200.',
    introspection_response_malformed: 'The introspection endpoint did not answer with JSON.',
    introspection_response_invalid: 'The introspection response has no boolean active.',
    introspection_jwt_missing: 'The introspection response is not signed, and response is jwt.',
    introspection_jwt_malformed:
      'The signed introspection response is no JWS with a JSON object, or is encrypted.',
    introspection_jwt_typ:
      'The typ of the signed introspection response is not token-introspection+jwt.',
    introspection_jwt_alg_not_allowed:
      'The algorithm of the signed introspection response is not one of its issuer here.',
    introspection_jwt_kid_malformed: 'The kid of the signed introspection response is no text.',
    introspection_jwt_key_unknown:
      'No key of the issuer fits the kid and algorithm of the signed introspection response.',
    introspection_jwt_signature_invalid:
      'The signature of the introspection response is of no key of the issuer.',
    introspection_jwt_issuer_mismatch:
      'The iss of the signed introspection response is not the issuer that was asked.',
    introspection_jwt_audience_mismatch:
      'The aud of the signed introspection response is neither client_id nor an audience here.',
    introspection_jwt_iat_malformed:
      'The iat of the signed introspection response is missing, or no time in whole seconds.',
    introspection_jwt_from_the_future:
      'The signed introspection response is ahead of our clock by more than clock_skew.',
    introspection_jwt_too_old:
      'The signed introspection response was made more than a minute before it came.',
    introspection_jwt_without_response:
      'The signed introspection response has no object token_introspection.',
    jwks_empty: 'The key set of the issuer has no key by which a token could be verified.',
    jwks_not_loaded: 'The keys of the issuer could not be fetched, or not for too long.',
    jwks_stale: 'No key fits, and the keys of the issuer could not be fetched anew.',
    jwks_unavailable: 'The issuer has no keys here by which a token could be verified.',
  },
  sender_constraint: {
    cnf_missing: 'The token is bound to no key, and the route requires a binding.',
    cnf_method_not_accepted: 'The token is bound by a method that the route does not take.',
    cnf_jkt_mismatch: 'The proof is by another key than the one that the token is bound to.',
    cnf_x5t_mismatch: 'The client certificate is not the one that the token is bound to.',
    token_not_dpop_bound: 'The scheme is DPoP, and the token is not bound to a DPoP key.',
    dpop_token_as_bearer: 'The token is bound to a DPoP key, and was sent as Bearer.',
    tls_client_cert_missing: 'The token is bound to a certificate, and the client showed none.',
    client_cert_required:
      'The listener serves nothing without a client certificate, and the proxy passed none on.',
    tls_client_cert_expired: 'The client certificate has expired.',
    tls_client_cert_not_yet_valid: 'The client certificate is not valid yet.',
    tls_client_cert_untrusted:
      "The client certificate has no chain to the CAs of the listener; the log has OpenSSL's word.",
    tls_client_cert_too_large: 'The client certificate is larger than 32 KiB.',
    tls_client_cert_weak_key:
      'The key of the client certificate is RSA below 2048 bits, EC below 224, or of another kind.',
    tls_client_cert_eku: 'The extended key usage of the client certificate has no clientAuth.',
    tls_client_cert_of_authority:
      'The client certificate is that of an authority (CA:TRUE), and not of a client.',
  },
  client_certificate: {
    certificate_required: 'The route asks for a client certificate, and the client showed none.',
    certificate_not_vouched_for:
      'The route asks who the client is by its certificate, and the listener takes any (verify: request).',
    certificate_unreadable: 'The client certificate is not in strict DER, or says a thing twice.',
    certificate_subject_mismatch:
      'The subject of the client certificate is not as the route asks; the log names the attribute.',
    certificate_san_mismatch: 'No alternative name of the client certificate is as the route asks.',
    certificate_role_missing:
      'The client certificate lacks a PSD2 role that the route asks for, in its qcStatements.',
    certificate_qc_type_mismatch:
      'The client certificate is not of a qualified kind that the route takes.',
    certificate_client_id_mismatch:
      'The attribute of the client certificate that names the client is not the client_id of the token.',
    tls_client_cert_revoked: 'The client certificate, or an authority of its chain, was revoked.',
    tls_client_cert_unknown:
      'The OCSP responder says that it does not know the client certificate.',
    revocation_unavailable:
      'Neither a revocation list in force nor a responder could say whether the certificate was revoked.',
  },
  dpop_freshness: {
    dpop_nonce_required: 'The proof has no nonce: the client tries again with the one it is sent.',
    dpop_nonce_stale: 'The nonce is old or not ours: the client tries again with the new one.',
    dpop_iat_out_of_window: 'The proof is older than proof_max_age, or from the future.',
    dpop_proof_before_start:
      'The proof is from before this process, or what it shares, began to remember: it may have been used before.',
  },
  authentication: {
    acr_insufficient: 'The acr of the token is not one of those that the route asks for.',
    auth_too_old: 'The user authenticated longer ago than the route allows.',
  },
  authorization: {
    scope_insufficient: 'The token lacks one of the scopes that the route asks for.',
    scope_none_of: 'The token has none of the scopes of which the route asks for one.',
    authorization_details_insufficient: 'No authorization_details of the token grant this access.',
    user_missing: 'The token speaks for a client alone, and the route asks for a user.',
    claim_mismatch: 'A claim of the token is not as the route asks; the log names it.',
  },
  replay: {
    dpop_replayed: 'The proof was used before: every request needs a proof of its own.',
    replay_store_full:
      'The store of used proofs is full: see dpop.replay.max_entries, or maxmemory of the shared one.',
    replay_store_unavailable:
      'The store of used proofs does not answer, or may not be used: /readyz?verbose says why.',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>

/** The check that finds a reason, or the part of the program that does. */
export type Asker = keyof typeof REASONS

export interface Meaning {
  readonly asker: Asker
  readonly meaning: string
}

/** Undefined for a word that is no reason. */
export function findMeaning(reason: string): Meaning | undefined {
  for (const [asker, meanings] of Object.entries(REASONS)) {
    if (!Object.hasOwn(meanings, reason)) continue
    const meaning = (meanings as Readonly<Record<string, string>>)[reason]
    if (meaning !== undefined) return { asker: asker as Asker, meaning }
  }
  return undefined
}
