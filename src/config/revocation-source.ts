/**
 * Where it is known which certificates were revoked, as a configuration has it.
 *
 * @module
 */

/** Where it is known which certificates were revoked. */
export interface RevocationConfig {
  /** The same for the same authorities and sources, on whatever listener. */
  readonly id: string
  /** Paths, and URLs with http or https. */
  readonly lists: readonly string[]
  readonly ocsp: OcspConfig | undefined
  /** Seconds after which lists are read again. */
  readonly refresh: number
}

export interface OcspConfig {
  /** URL of the responder for all certificates; undefined: certificates name theirs. */
  readonly responder: string | undefined
  /** Hosts, with their port if it is not the scheme's own, that certificates may name. */
  readonly hosts: readonly string[]
}
