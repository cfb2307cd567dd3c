/**
 * A source of revocation lists, read again and again (RFC 5280 §6.3.3).
 *
 * What it brought last is good until it ends, however long the source is out of reach; and not a second
 * longer.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { Logger } from '../telemetry/log.ts'
import type { Authority } from '../x509/authority.ts'
import {
  type ListFault,
  type RevocationList,
  splitRevocationLists,
  verifyRevocationList,
} from '../x509/crl.ts'
import type { OutboundClient } from './outbound.ts'

/** Largest file or answer that is read, in bytes. */
export const MAX_LIST = 33_554_432
/** Seconds between attempts after a fault: the first, and the longest. */
const FIRST_RETRY = 1
const LONGEST_RETRY = 60
/** Seconds that are left between attempts when a list is about to end. */
const LEAST_PAUSE = 5

export interface ListSourceParts {
  /** A path, or a URL. */
  readonly source: string
  readonly authorities: readonly Authority[]
  /** Seconds. */
  readonly refresh: number
  readonly client: OutboundClient
  readonly logger: Logger
  /** Seconds since the epoch. */
  readonly now: () => number
}

export class ListSource {
  readonly #parts: ListSourceParts
  #lists: readonly RevocationList[] = []
  #loadedAt: number | undefined
  #digest = ''
  #pending: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  /** Seconds until the next attempt after a fault; undefined where there was none. */
  #retry: number | undefined
  #closed = false

  constructor(parts: ListSourceParts) {
    this.#parts = parts
  }

  get source(): string {
    return this.#parts.source
  }

  /** Whoever asks them looks at when they end. */
  get lists(): readonly RevocationList[] {
    return this.#lists
  }

  /** When all that the source has could last be taken, in seconds since the epoch. */
  get loadedAt(): number | undefined {
    return this.#loadedAt
  }

  /**
   * Reads the source now, and goes on in the background. What is being read already may be what was there
   * before: that is waited for first. Never throws.
   */
  async load(): Promise<void> {
    await this.#pending
    await this.#loadNow()
  }

  /** One at a time, whoever asks. */
  #loadNow(): Promise<void> {
    this.#pending ??= this.#loadOnce().finally(() => {
      this.#pending = undefined
      this.#schedule()
    })
    return this.#pending
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  async #loadOnce(): Promise<void> {
    const { source, logger } = this.#parts
    try {
      const octets = await this.#fetch()
      const faults = this.#take(octets)
      if (faults.length > 0) throw new Error(faults.join(', '))
      this.#loadedAt = this.#parts.now()
      this.#retry = undefined
    } catch (error) {
      this.#digest = ''
      const cause = error instanceof Error ? error.message : String(error)
      logger.warn({ source, cause }, 'the revocation list could not be taken')
      this.#retry =
        this.#retry === undefined ? FIRST_RETRY : Math.min(this.#retry * 2, LONGEST_RETRY)
    }
  }

  async #fetch(): Promise<Buffer> {
    const { source, client } = this.#parts
    if (!source.includes('://')) {
      const { size } = await stat(source)
      if (size > MAX_LIST) throw new Error('the file is too large')
      return readFile(source)
    }
    const { status, body } = await client.call(source, {
      method: 'GET',
      headers: { accept: 'application/pkix-crl, application/x-pem-file' },
    })
    if (status !== 200) throw new Error(`${source} answered ${status}`)
    return body
  }

  /** Takes what is good of it, and says what is wrong with the rest. */
  #take(octets: Buffer): (ListFault | 'none' | 'older')[] {
    const { authorities, now, logger, source } = this.#parts
    const digest = createHash('sha256').update(octets).digest('base64')
    // The same octets need not be read again, unless they have ended meanwhile.
    if (digest === this.#digest && this.#lists.every((one) => one.nextUpdate > now())) return []
    const found = splitRevocationLists(octets).map((der) =>
      verifyRevocationList(der, authorities, now()),
    )
    const faults: (ListFault | 'none' | 'older')[] = found.length === 0 ? ['none'] : []
    let lists = this.#lists
    for (const list of found) {
      if (typeof list === 'string') {
        faults.push(list)
        continue
      }
      const former = lists.find((one) => isSuccessor(list, one))
      // RFC 5280 §5.2.3: whoever sends an older one wants something forgotten.
      if (former !== undefined && former.thisUpdate > list.thisUpdate) faults.push('older')
      else lists = [...lists.filter((one) => one !== former), list]
    }
    this.#lists = lists
    this.#digest = digest
    for (const { authority, revoked } of lists) {
      logger.info({ source, ca: authority.name, entries: revoked.size }, 'revocation list taken')
    }
    return faults
  }

  #schedule(): void {
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#loadNow(), this.#pause() * 1000)
    this.#timer.unref()
  }

  /** Before a list ends there is time for another attempt, and another. */
  #pause(): number {
    const { refresh, now } = this.#parts
    if (this.#retry !== undefined) return Math.min(this.#retry, refresh)
    const end = Math.min(...this.#lists.map(({ nextUpdate }) => nextUpdate))
    return Math.min(refresh, Math.max((end - now()) / 2, LEAST_PAUSE))
  }
}

/** Whether a list takes the place of another: of the same authority, for the same certificates. */
function isSuccessor(list: RevocationList, former: RevocationList): boolean {
  return (
    list.authority === former.authority &&
    JSON.stringify(list.scope) === JSON.stringify(former.scope)
  )
}
