import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ErrorReply,
  encodeCommand,
  ProtocolError,
  type Reply,
  ReplyReader,
} from '../../../src/adapter/redis/reply.ts'

const read = (text: string) => new ReplyReader().read(Buffer.from(text))

describe('a reply of RESP2', () => {
  test.each<[string, string, Reply]>([
    ['a simple string', '+OK\r\n', 'OK'],
    ['an error', '-LOADING Redis is loading\r\n', new ErrorReply('LOADING Redis is loading')],
    ['an integer', ':-12\r\n', -12],
    ['a bulk string', '$4\r\na\r\nb\r\n', 'a\r\nb'],
    ['an empty one', '$0\r\n\r\n', ''],
    ['none', '$-1\r\n', null],
    ['no array', '*-1\r\n', null],
    ['an array', '*3\r\n:1\r\n*1\r\n$1\r\nx\r\n$-1\r\n', [1, ['x'], null]],
    ['text beyond ASCII', '$2\r\né\r\n', 'é'],
  ])('is read: %s', (_, text, expected) => {
    expect(read(text)).toEqual([expected])
  })

  test('has a code, if it is an error', () => {
    expect(read('-NOPERM this user has no permissions\r\n')[0]).toMatchObject({ code: 'NOPERM' })
    expect(read('-ERR\r\n')[0]).toMatchObject({ code: 'ERR' })
  })

  test.each([
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['RESP3', '_\r\n'],
    ['a push of RESP3', '>1\r\n+x\r\n'],
    ['nothing but an end', '\r\n'],
    ['a length that is none', '$x\r\n'],
    ['a length with a blank', '$ 1\r\nx\r\n'],
    ['a length below none', '$-2\r\n'],
    ['an integer that is none', ':1.5\r\n'],
    ['an integer that is not there', ':\r\n'],
    ['a bulk string of 512 MiB', '$536870912\r\n'],
    ['a bulk string with another end', '$1\r\nxyz'],
    ['an array of four billion', '*4294967295\r\n'],
    ['arrays of arrays', '*1\r\n'.repeat(9)],
  ])('is nothing else: %s [R08]', (_, text) => {
    expect(() => read(text)).toThrow(ProtocolError)
  })

  test('is not read without end [R08]', () => {
    const reader = new ReplyReader()
    const piece = Buffer.alloc(65_536, 'x')
    expect(reader.read(Buffer.from('+'))).toEqual([])
    expect(() => {
      for (let i = 0; i < 17; i++) reader.read(piece)
    }).toThrow(ProtocolError)
  })

  test('is the same, however it is cut into pieces', () => {
    const reply: fc.Arbitrary<Reply> = fc.letrec<{ reply: Reply }>((tie) => ({
      reply: fc.oneof(
        { maxDepth: 3 },
        fc.string({ unit: 'grapheme' }),
        fc.integer(),
        fc.constant(null),
        fc.array(tie('reply'), { maxLength: 4 }),
      ),
    })).reply
    fc.assert(
      fc.property(fc.array(reply), fc.array(fc.nat(200)), (replies, cuts) => {
        const bytes = Buffer.from(replies.map(encodeReply).join(''))
        const reader = new ReplyReader()
        const ends = [...new Set([...cuts, bytes.length])].sort((one, other) => one - other)
        const found = ends.flatMap((end, i) => reader.read(bytes.subarray(ends[i - 1] ?? 0, end)))
        expect(found).toEqual(replies)
      }),
    )
  })
})

function encodeReply(reply: Reply): string {
  if (typeof reply === 'number') return `:${reply}\r\n`
  if (reply === null) return '$-1\r\n'
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`
  return `*${(reply as Reply[]).length}\r\n${(reply as Reply[]).map(encodeReply).join('')}`
}

test('a command is an array of its words, whatever they hold', () => {
  expect(encodeCommand(['SET', 'clé', 'a\r\nb'])).toBe(
    '*3\r\n$3\r\nSET\r\n$4\r\nclé\r\n$4\r\na\r\nb\r\n',
  )
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (words) => {
      expect(read(encodeCommand(words))).toEqual([words])
    }),
  )
})
