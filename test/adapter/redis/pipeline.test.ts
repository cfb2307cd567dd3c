import { afterEach, expect, test } from 'vitest'
import { sumOf } from '../../support/exposition.ts'
import { until } from '../../support/redis-server.ts'
import {
  bulk,
  honest,
  type OpenStore,
  openStore,
  type Script,
  type ScriptedRedis,
  type StoreOptions,
  startScriptedRedis,
} from '../../support/redis-store.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(
  options: StoreOptions = {},
  stored = new Map<string, string>(),
): Promise<OpenStore & { server: ScriptedRedis; well: Script }> {
  const well = honest(stored)
  const server = await startScriptedRedis(well)
  closing.push(server.close)
  const opened = await openStore(server.port, options)
  closing.push(opened.close)
  return { ...opened, server, well }
}

const isUse = ([command, key = '']: readonly string[]) => command === 'SET' && key.includes('jti')
const isMarker = ([command, key = '']: readonly string[]) =>
  command === 'GET' && key.includes('epoch')

test.each([
  ['LOADING Redis is loading the dataset in memory'],
  ["READONLY You can't write against a read only replica."],
  ["OOM command not allowed when used memory > 'maxmemory'."],
  ['MOVED 3999 127.0.0.1:6381'],
  ['ASK 3999 127.0.0.1:6381'],
  ['CLUSTERDOWN The cluster is down'],
  ['TRYAGAIN Multiple keys request during rehashing of slot'],
  ['NOAUTH Authentication required.'],
  ["NOPERM User gateway has no permissions to run the 'set' command"],
  ['WRONGTYPE Operation against a key holding the wrong kind of value'],
  ['MISCONF Redis is configured to save RDB snapshots'],
  ['NOREPLICAS Not enough good replicas to write.'],
  ['BUSY Redis is busy running a script.'],
  ['OK'],
  ['ERR'],
  [''],
])('an error is never "not used before": -%s [R05]', async (error) => {
  const { server, well, use, lines } = await open()
  server.script = (words, socket) => (isUse(words) ? `-${error}\r\n` : well(words, socket))
  const verdict = await use('a')
  expect(verdict).toBe(error.startsWith('OOM') ? 'full' : 'unavailable')
  server.script = well
  await until(async () => (await use('b')) === 'first', 'it is used again')
  expect(lines.join()).not.toContain('gateway has no permissions')
})

test.each([
  ['a number', ':1\r\n'],
  ['another word', '+QUEUED\r\n'],
  ['the word in other letters', '+ok\r\n'],
  ['a list', '*1\r\n+OK\r\n'],
  ['an empty text', '$0\r\n\r\n'],
  ['a value', bulk('1')],
])('nor is any answer but OK: %s [R05]', async (_, answer) => {
  const { server, well, use } = await open()
  server.script = (words, socket) => (isUse(words) ? answer : well(words, socket))
  expect(await use('a')).toBe('unavailable')
})

test.each<[string, string]>([
  ['garbage', 'garbage\r\n'],
  ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['bytes', '\0\xff\xfe'],
  ['the head of 512 MiB', '$536870912\r\n'],
  ['a push of RESP3', '>2\r\n+invalidate\r\n*0\r\n'],
])(
  '%s in the place of an answer: the connection ends, the process does not [R08]',
  async (_, text) => {
    const { server, well, use, metrics } = await open()
    const { connections } = server
    server.script = (words, socket) => (isUse(words) ? text : well(words, socket))
    expect(await use('a')).toBe('unavailable')
    server.script = well
    await until(async () => (await use('b')) === 'first', 'it is used again')
    expect(server.connections).toBeGreaterThan(connections)
    expect(
      sumOf(await metrics.expose(), 'fapigw_store_errors_total', { kind: 'protocol' }),
    ).toBeGreaterThan(0)
  },
)

test('bytes that nobody asked for end the connection, too [R08]', async () => {
  const { server, well, use, store } = await open()
  const { connections } = server
  server.script = (words, socket) => {
    if (isMarker(words)) setImmediate(() => socket.write('+OK\r\n'))
    return well(words, socket)
  }
  expect(await use('a')).toBe('first')
  await until(() => server.connections > connections, 'another connection')
  server.script = well
  await until(() => store.isUp, 'it is used again')
})

test('one reply too many: nobody is told the verdict of another [R08]', async () => {
  const stored = new Map([['fgw:jti:used', '1']])
  const { server, well, use } = await open({}, stored)
  // Every use is answered twice. The second one of these would be the answer to the next.
  server.script = (words, socket) =>
    isUse(words) ? `${well(words, socket)}${well(words, socket)}` : well(words, socket)
  const verdicts = await Promise.all([use('new'), use('used')])
  expect(verdicts).toEqual(['unavailable', 'unavailable'])
})

test('one reply too few: nor is anybody [R08]', async () => {
  const stored = new Map([['fgw:jti:used', '1']])
  const { server, well, use } = await open({ config: { timeout: 0.05 } }, stored)
  server.script = (words, socket) => {
    const answer = well(words, socket)
    return isUse(words) && words[1] === 'fgw:jti:used' ? undefined : answer
  }
  // The reply to what comes after it is "OK", and would be read as its own.
  expect(await Promise.all([use('used'), use('new')])).toEqual(['unavailable', 'unavailable'])
})

test('a command was carried out, and its reply lost: it is not known, and never tried again [R09]', async () => {
  const stored = new Map<string, string>()
  const { server, well, use } = await open({}, stored)
  const seen: string[] = []
  server.script = (words, socket) => {
    if (isUse(words)) seen.push(words[1] ?? '')
    const answer = well(words, socket)
    if (!isUse(words)) return answer
    socket.resetAndDestroy()
    return undefined
  }
  expect(await use('a')).toBe('unavailable')
  server.script = well
  await until(async () => (await use('b')) === 'first', 'it is used again')
  expect(seen).toEqual(['fgw:jti:a'])
  expect(await use('a')).toBe('again')
})

test('a reply that comes too late is not taken, and those after it belong to whom they are for', async () => {
  const { server, well, use, store } = await open({ config: { timeout: 0.05 } })
  let answerLate: (() => void) | undefined
  server.script = (words, socket) => {
    const answer = well(words, socket)
    if (!isMarker(words)) return answer
    answerLate = () => socket.write(answer ?? '')
    return undefined
  }
  expect(await use('a')).toBe('unavailable')
  expect(store.isUp).toBe(false)
  server.script = well
  answerLate?.()
  await until(() => store.isUp, 'it is used again')
  expect(await use('b')).toBe('first')
  expect(await use('b')).toBe('again')
})

test('a server that stays silent is given up, and another connection made [R04]', async () => {
  const { server, well, use } = await open({ config: { timeout: 0.05 } })
  const { connections } = server
  server.script = (words, socket) => (isUse(words) ? undefined : well(words, socket))
  expect(await use('a')).toBe('unavailable')
  await until(() => server.connections > connections, 'another connection')
})

test('what is asked within one turn goes out together, with one question for the marker', async () => {
  const { server, well, use } = await open()
  const words: string[] = []
  server.script = (command, socket) => {
    if (isUse(command) || isMarker(command)) words.push(command[0] ?? '')
    return well(command, socket)
  }
  const uses = Array.from({ length: 5 }, (_, i) => use(`${i}`))
  expect(await Promise.all(uses)).toEqual(Array.from({ length: 5 }, () => 'first'))
  expect(words.filter((word) => word === 'SET')).toHaveLength(5)
  expect(words.indexOf('GET')).toBe(5)
})

test.each<[string, Record<string, string>, string]>([
  ['it is too old', { server_time_usec: 'none' }, 'Redis 7 or Valkey is needed'],
  ['it is a node of a cluster', { cluster_enabled: '1' }, 'name it under cluster'],
  ['its clock is off', { server_time_usec: String((Date.now() - 60_000) * 1000) }, 'behind ours'],
])('a server says what it is: %s', async (_, info, words) => {
  const server = await startScriptedRedis(honest(new Map(), info))
  closing.push(server.close)
  const opened = await openStore(server.port)
  closing.push(opened.close)
  expect(opened.use('a')).toBe('unavailable')
  expect(opened.store.readiness.name).toContain(words)
})

test('a key of the gateway that holds something else is no marker', async () => {
  const well = honest()
  const server = await startScriptedRedis((words, socket) =>
    isMarker(words) ? bulk('elsewhere') : well(words, socket),
  )
  closing.push(server.close)
  const opened = await openStore(server.port)
  closing.push(opened.close)
  expect(opened.use('a')).toBe('unavailable')
})

test("the server's clock was set: what was to be kept for a time was kept for another", async () => {
  const { server, well, store, use, lines } = await open()
  const { epoch } = store
  server.script = (words, socket) =>
    words[0] === 'INFO'
      ? honest(new Map(), { server_time_usec: String((Date.now() + 5000) * 1000) })(words, socket)
      : well(words, socket)
  await until(() => store.epoch !== epoch && store.isUp, 'it is noticed')
  expect(await use('a')).toBe('first')
  expect(lines.join()).toContain('its clock was set')
})
