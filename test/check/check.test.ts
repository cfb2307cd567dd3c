import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineCheck } from '../../src/check/check.ts'

test('a definition is what was written: it is only typed', () => {
  const definition = {
    name: 'example',
    question: 'Is it?',
    policy: z.strictObject({ wanted: z.boolean() }),
    compile: () => undefined,
  }
  expect(defineCheck(definition)).toBe(definition)
})
