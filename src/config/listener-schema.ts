/**
 * `listen` and `listeners`: where clients connect.
 *
 * @module
 */

import { z } from 'zod'
import { transport } from '../check/transport.ts'
import { CLIENT_CERT_FORMATS } from '../http/client-cert.ts'
import { address, file, period, text, url } from './setting.ts'

const VERIFY = ['off', 'request', 'optional', 'required'] as const

const revocation = z
  .strictObject({
    crl: z
      .array(text().meta({ examples: ['tls/clients.crl', 'http://crl.example/clients.crl'] }))
      .min(1)
      .describe(
        'Revocation lists: files, or http(s) URLs. What they say goes before what a responder says.',
      )
      .optional(),
    ocsp: z
      .union([
        z.strictObject({
          responder: url('http://ocsp.example').describe('The responder for all certificates.'),
        }),
        z.strictObject({
          hosts: z
            .array(text())
            .min(1)
            .describe('Hosts, with a port if need be, that certificates may name as responder.'),
        }),
      ])
      .describe('Ask a responder (RFC 6960) where no list can say.')
      .optional(),
    refresh: period('1s', '1d')
      .describe('When lists are read again, if they do not end before.')
      .prefault('1h'),
  })
  .describe(
    'Where it is known which certificates were revoked. The authorities that sign lists and certificates have to be in ca, intermediate ones too; they are asked about as well, all but the root.',
  )

const from = z
  .union([
    z.enum(['tls', ...CLIENT_CERT_FORMATS]),
    z.strictObject({
      format: z.enum(CLIENT_CERT_FORMATS).describe('How the proxy spells it.'),
      field: text()
        .describe(
          'Name of the field. Default: Client-Cert, X-Forwarded-Client-Cert, X-SSL-Client-Cert (nginx, haproxy), X-Amzn-Mtls-Clientcert, X-ARR-ClientCert.',
        )
        .optional(),
      chain_field: text()
        .describe(
          'Name of the field with the intermediate CAs. Default: Client-Cert-Chain of rfc9440.',
        )
        .optional(),
    }),
  ])
  .describe(
    'Where certificates come from. tls: the handshake. Otherwise the field in which a proxy of trusted_proxies passes it on, as RFC 9440 or as that proxy spells it; what it says of having verified it is not believed, and the handshake asks for none. Default: tls.',
  )

const clientCertificate = z
  .strictObject({
    from: from.optional(),
    verify: z
      .enum(VERIFY)
      .describe(
        'off: not asked for. request: asked for, and any is taken (self-signed ones, pinned by the token). optional: asked for, and taken with a chain to the CAs only. required: no connection without (who shows none is told by a TLS alert, if that holds of every host of the listener); where from is not tls, no request. Default: optional with a CA, off without.',
      )
      .optional(),
    ca: file().describe("PEM file of the CAs of the clients' certificates.").optional(),
    revocation: revocation.optional(),
  })
  .describe("Clients' certificates (RFC 8705).")

const certificate = z.strictObject({
  cert: file().describe('PEM file: the certificate, then its chain.'),
  key: file().describe('PEM file of its private key.'),
  names: z
    .array(text())
    .min(1)
    .describe(
      'Host names it is shown for; *.example covers one label. Default: the hosts of the public URLs that no other certificate names.',
    )
    .optional(),
  client_certificate: clientCertificate.optional(),
})

const frontProxy = {
  trusted_proxies: z
    .array(text().meta({ examples: ['10.1.0.0/16'] }))
    .min(1)
    .describe(
      'Addresses of the proxies in front, as ranges. Who connects from there, and nobody else, may say for which client it asks.',
    )
    .optional(),
  client_address: z
    .enum(['x-forwarded-for', 'forwarded', 'connection'])
    .describe(
      "Where trusted_proxies say the client's address: read from the right, up to the first that is not trusted. It goes into the log and to the upstream. The proxy has to write the field that is named here. Default: x-forwarded-for.",
    )
    .optional(),
}

const publicUrls = {
  public_url: url('https://api.bank.example')
    .describe(
      'What clients call: scheme, host, port if it is not 443, and a path if there is one. The htu of proofs is compared with it.',
    )
    .optional(),
  public_urls: z
    .array(url('https://api.bank.example'))
    .min(1)
    .describe('The same, where there are several.')
    .optional(),
}

const minVersion = transport.policy.shape.min_version.describe(
  'Lowest version of TLS; not below that of the profile.',
)

// RFC 9325 §3.4.
const sessionTickets = z
  .enum(['on', 'off'])
  .describe(
    'on: clients may resume sessions; the key of their tickets is changed every 12 hours. off: none is resumed (Open Finance Brasil). Always off where hosts differ in client_certificate.',
  )

const hsts = z
  .union([period('1d', '730d'), z.literal(false)])
  .describe(
    'How long browsers keep to https here: max-age of Strict-Transport-Security (RFC 6797). false: not said. Default: 365d.',
  )
  .optional()

/** RFC 9113 §3.2, RFC 9112: by their ALPN identifiers. */
const PROTOCOLS = ['h2', 'http/1.1'] as const

const alpn = z
  .array(z.enum(PROTOCOLS))
  .min(1)
  .refine((names) => new Set(names).size === names.length, 'wants each protocol once')
  .meta({ uniqueItems: true })
  .describe(
    'What is spoken, the preferred first: h2 is HTTP/2, http/1.1 the rest. Clients that name no protocol get http/1.1, where it is there. Default: [http/1.1].',
  )

export const listenSchema = z
  .strictObject({
    address: address().describe('Address and port to listen on.'),
    ...publicUrls,
    certificate: file().describe('PEM file: the certificate of the server, then its chain.'),
    key: file().describe('PEM file of its private key.'),
    client_ca: file()
      .describe("PEM file of the CAs of the clients' certificates: asks clients for one.")
      .optional(),
    client_certificate: clientCertificate.optional(),
    ...frontProxy,
    min_version: minVersion.optional(),
    session_tickets: sessionTickets.default('on'),
    hsts,
    alpn: alpn.optional(),
  })
  .describe('The one listener. Where there are several, or several certificates: listeners.')

export const listenerSchema = z.strictObject({
  address: address().describe('Address and port to listen on.'),
  ...publicUrls,
  tls: z
    .strictObject({
      certificates: z
        .array(certificate)
        .min(1)
        .describe('Chosen by the name that clients ask for.'),
      min_version: minVersion.optional(),
      session_tickets: sessionTickets.default('on'),
      alpn: alpn.optional(),
    })
    .describe('TLS towards clients. Cipher suites are those of the profile.'),
  client_certificate: clientCertificate.optional(),
  ...frontProxy,
  hsts,
})

/** Both forms of a listener, in the long one. */
export type ListenerInput = z.output<typeof listenerSchema>
export type ListenInput = z.output<typeof listenSchema>
export type ClientCertificateInput = z.output<typeof clientCertificate>
export type RevocationInput = z.output<typeof revocation>
