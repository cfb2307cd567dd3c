/**
 * Where the demo's authorization server keeps clients, tokens and spent assertions: in memory, and for as
 * long as it runs. It is what oidc-provider calls an adapter.
 *
 * @module
 */

export interface StoredRecord {
  readonly [member: string]: unknown
  uid?: string
  userCode?: string
  grantId?: string
  consumed?: number
}

interface Entry {
  readonly record: StoredRecord
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** The records of one model. The names of the methods are oidc-provider's. */
export interface RecordStore {
  upsert(id: string, record: StoredRecord, expiresIn?: number): Promise<void>
  find(id: string): Promise<StoredRecord | undefined>
  findByUid(uid: string): Promise<StoredRecord | undefined>
  findByUserCode(userCode: string): Promise<StoredRecord | undefined>
  consume(id: string): Promise<void>
  destroy(id: string): Promise<void>
  revokeByGrantId(grantId: string): Promise<void>
}

/** Returns the store of a model by its name; the same name is the same store. */
export function createRecordStores(): (model: string) => RecordStore {
  const stores = new Map<string, RecordStore>()
  return (model) => {
    const store = stores.get(model) ?? createRecordStore()
    stores.set(model, store)
    return store
  }
}

function createRecordStore(): RecordStore {
  const entries = new Map<string, Entry>()

  const read = (id: string) => {
    const entry = entries.get(id)
    if (entry === undefined || entry.expiresAt > Date.now()) return entry?.record
    entries.delete(id)
    return undefined
  }
  const search = (fits: (record: StoredRecord) => boolean) =>
    [...entries.keys()].map(read).find((record) => record !== undefined && fits(record))

  return {
    async upsert(id, record, expiresIn = Number.POSITIVE_INFINITY) {
      entries.set(id, { record, expiresAt: Date.now() + expiresIn * 1000 })
    },
    find: async (id) => read(id),
    findByUid: async (uid) => search((record) => record.uid === uid),
    findByUserCode: async (userCode) => search((record) => record.userCode === userCode),
    async consume(id) {
      const record = read(id)
      if (record !== undefined) record.consumed = Math.floor(Date.now() / 1000)
    },
    async destroy(id) {
      entries.delete(id)
    },
    async revokeByGrantId(grantId) {
      for (const [id, { record }] of entries) if (record.grantId === grantId) entries.delete(id)
    },
  }
}
