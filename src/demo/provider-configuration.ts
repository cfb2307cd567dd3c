/**
 * What oidc-provider is told, so that it issues what the gateway has to tell apart.
 *
 * @module
 */

import type { ProviderClient, ProviderContext, ProviderToken } from 'oidc-provider'

import type { AuthorizationServerOptions, Resource } from './authorization-server.ts'
import { subjectDistinguishedName } from './certificates.ts'

const SCOPES = ['accounts', 'payments']
const TTL_SECONDS = 300

/** Everything but the signing keys and the store. */
export function configureProvider(
  options: AuthorizationServerOptions,
  InvalidTarget: new (description?: string) => Error,
): Readonly<Record<string, unknown>> {
  const { resources, dpopNonceSecret, introspectionClients = [] } = options
  const detailsTypes = options.authorizationDetailsTypes ?? []

  return {
    // One clock serves everyone on this machine, and an expired token is to be inactive at once.
    clockTolerance: 0,
    scopes: [],
    responseTypes: [],
    clientAuthMethods: [
      'private_key_jwt',
      'tls_client_auth',
      'self_signed_tls_client_auth',
      'client_secret_basic',
      'client_secret_post',
    ],
    clientDefaults: {
      grant_types: ['client_credentials'],
      response_types: [],
      token_endpoint_auth_method: 'private_key_jwt',
      id_token_signed_response_alg: 'PS256',
      introspection_signed_response_alg: 'PS256',
      authorization_details_types: detailsTypes,
    },
    clientBasedCORS: () => false,
    // FAPI 2.0 Security Profile §5.4.1 (1).
    enabledJWA: {
      clientAuthSigningAlgValues: ['PS256', 'ES256', 'EdDSA', 'Ed25519'],
      dPoPSigningAlgValues: ['PS256', 'ES256', 'EdDSA', 'Ed25519'],
      idTokenSigningAlgValues: ['PS256', 'ES256'],
      introspectionSigningAlgValues: ['PS256', 'ES256'],
    },
    extraTokenClaims: async (_context: ProviderContext, token: ProviderToken) =>
      options.claims?.(token),
    ttl: {
      ClientCredentials: (_context: ProviderContext, token: ProviderToken) =>
        token.resourceServer?.accessTokenTTL ?? TTL_SECONDS,
    },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      clientCredentials: { enabled: true },
      // FAPI 2.0 Security Profile §5.3.2.1 (8): an assertion's audience is the issuer and nothing else.
      fapi: { enabled: true, profile: '2.0' },
      dPoP: {
        enabled: true,
        nonceSecret: dpopNonceSecret,
        requireNonce: () => dpopNonceSecret !== undefined,
      },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true,
        getCertificate: ({ socket }: ProviderContext) => socket.getPeerX509Certificate(),
        certificateAuthorized: ({ socket }: ProviderContext) => socket.authorized,
        certificateSubjectMatches,
      },
      introspection: {
        enabled: true,
        allowedPolicy: (_context: ProviderContext, client: ProviderClient, token: ProviderToken) =>
          client.clientId === token.clientId || introspectionClients.includes(client.clientId),
      },
      jwtIntrospection: { enabled: true },
      revocation: {
        enabled: true,
        allowedPolicy: (_context: ProviderContext, client: ProviderClient, token: ProviderToken) =>
          client.clientId === token.clientId,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => Object.keys(resources)[0],
        getResourceServerInfo: (_context: ProviderContext, identifier: string) => {
          if (!Object.hasOwn(resources, identifier)) throw new InvalidTarget()
          return resourceServer(resources[identifier]!)
        },
      },
      richAuthorizationRequests: {
        enabled: detailsTypes.length > 0,
        types: Object.fromEntries(
          detailsTypes.map((type) => [type, { validate: () => undefined }]),
        ),
        authorizationDetailsForAccessToken: ({ oidc }: ProviderContext) =>
          JSON.parse(String(oidc.params?.['authorization_details'])),
        authorizationDetailsForIntrospection: (_context: ProviderContext, token: ProviderToken) =>
          token.rar,
      },
    },
  }
}

function resourceServer({ scopes = SCOPES, audience, format, algorithm, ttl, encrypt }: Resource) {
  return {
    scope: scopes.join(' '),
    accessTokenFormat: format ?? 'jwt',
    accessTokenTTL: ttl ?? TTL_SECONDS,
    jwt: { sign: { alg: algorithm ?? 'PS256' }, ...(encrypt === undefined ? {} : { encrypt }) },
    ...(audience === undefined ? undefined : { audience }),
  }
}

/** How a certificate's alternative names begin, by the metadata that names one (RFC 8705 §2.1.2). */
const ALTERNATIVE_NAMES: Readonly<Record<string, string>> = {
  tls_client_auth_san_dns: 'DNS:',
  tls_client_auth_san_uri: 'URI:',
  tls_client_auth_san_ip: 'IP Address:',
  tls_client_auth_san_email: 'email:',
}

/** RFC 8705 §2.1. A distinguished name is compared in the spelling of `subjectDistinguishedName`. */
function certificateSubjectMatches(
  { socket }: ProviderContext,
  property: string,
  expected: string,
): boolean {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return false
  if (property === 'tls_client_auth_subject_dn') {
    return subjectDistinguishedName(certificate.toString()) === expected
  }
  const names = certificate.subjectAltName?.split(', ') ?? []
  return names.includes(`${ALTERNATIVE_NAMES[property]}${expected}`)
}
