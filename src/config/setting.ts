/**
 * Kinds of value that settings of the configuration have, each with the words for what it wants.
 *
 * @module
 */

import { z } from 'zod'
import { duration, size } from '../policy/field.ts'

/** Any text but none. What form it has to have, if any, is judged where it is used. */
export function text() {
  return z.string().min(1)
}

/** Key of a map, and id of a route: it becomes a metric's label and a word of the log. */
export function name() {
  return z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9_-]{0,63}$/i,
      'wants a name of letters, digits, - and _, such as accounts',
    )
}

/** One text, or several in a list. */
export function oneOrMore() {
  return z.union([text(), z.array(text()).min(1)])
}

/** A duration within limits: one that would turn off what it limits is not among them. */
export function period(least: string, most: string) {
  const [from, to] = [duration().parse(least), duration().parse(most)]
  return duration().refine((value) => value >= from && value <= to, `wants ${least} to ${most}`)
}

/** A size within limits, with its unit: parsed into bytes. */
export function bytes(least: string, most: string) {
  const [from, to] = [size().parse(least), size().parse(most)]
  return size().refine((value) => value >= from && value <= to, `wants ${least} to ${most}`)
}

/** A whole number within limits, without a unit. */
export function count(least: number, most: number) {
  return z
    .number()
    .refine((value) => Number.isInteger(value) && value >= least && value <= most, {
      message: `wants a whole number, ${least} to ${most}`,
    })
    .meta({ minimum: least, maximum: most, multipleOf: 1 })
}

/** A URL: text until it is used, and never a number. */
export function url(example: string) {
  return text().meta({ examples: [example] })
}

/** A path relative to the file it stands in, or the PEM text itself. */
export function file() {
  return text().meta({ format: 'path' })
}

/** `host:port`; an IPv6 address in brackets. */
export function address() {
  return z
    .string()
    .regex(
      /^(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/,
      'wants an address and a port, such as 127.0.0.1:8443 or [::]:8443',
    )
    .meta({ examples: ['127.0.0.1:8443'] })
}

/** Never printed. */
export function secret(least: number) {
  return z.string().min(least).meta({ secret: true })
}

/** One secret, or several: the first is in use, the others are accepted as well. */
export function secrets(least: number) {
  return z.union([secret(least), z.array(secret(least)).min(1).max(4)])
}
