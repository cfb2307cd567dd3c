import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runHealthcheck } from '../../src/command/healthcheck.ts'
import { createRecorder } from './recorder.ts'

let admin: Server
let url: string
let status: number
const asked: (string | undefined)[] = []

beforeAll(async () => {
  admin = createServer((request, response) => {
    asked.push(request.url)
    response.writeHead(status).end()
  }).listen(0, '127.0.0.1')
  await once(admin, 'listening')
  url = `http://127.0.0.1:${(admin.address() as AddressInfo).port}`
})
afterAll(() => void admin.close())

test.each([
  [200, 0, 'ready'],
  [503, 1, 'not ready: /readyz answered 503'],
  [404, 1, 'not ready: /readyz answered 404'],
])('an admin listener that answers %d: exit code %d', async (answered, code, text) => {
  status = answered
  const output = createRecorder()
  expect(await runHealthcheck(url, output)).toBe(code)
  expect(output.printed).toEqual([text])
  expect(output.errors).toEqual([])
  expect(asked.at(-1)).toBe('/readyz')
})

test('nobody there: exit code 1, and why', async () => {
  const gone = createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port } = gone.address() as AddressInfo
  gone.close()
  await once(gone, 'close')
  const output = createRecorder()
  expect(await runHealthcheck(`http://127.0.0.1:${port}`, output)).toBe(1)
  expect(output.printed).toEqual([])
  expect(output.errors.join()).toContain('ECONNREFUSED')
})

test.each(['', 'here', '127.0.0.1:9901', '//x', 'http://', 'ftp://127.0.0.1', 'file:///x'])(
  'a URL that is none of an admin listener: exit code 2, and an example: "%s"',
  async (text) => {
    const output = createRecorder()
    expect(await runHealthcheck(text, output)).toBe(2)
    expect(output.printed).toEqual([])
    expect(output.errors.join()).toContain('http://127.0.0.1:9901')
  },
)
