/**
 * `fapi-gateway explain`: a request's route and all that is asked on it, a diagnostic, the reason of a
 * refusal, or a setting.
 *
 * @module
 */

import { CATALOGUE, isDiagnosticId } from '../config/catalogue.ts'
import type { Configuration } from '../config/configuration.ts'
import { renderDiagnostics } from '../config/diagnostic-rendering.ts'
import { parseEndpoint } from '../config/endpoint.ts'
import {
  nearestRoutes,
  renderDiagnosticId,
  renderPlan,
  renderRoute,
  renderSetting,
} from '../config/explanation.ts'
import { loadConfiguration } from '../config/load.ts'
import type { SchemaNode } from '../config/reading.ts'
import { readReasons, renderReason } from '../config/reason.ts'
import { findMeaning } from '../config/reason-catalogue.ts'
import { compileJsonSchema } from '../config/schema.ts'
import { suggest } from '../config/suggestion.ts'
import { Failure } from '../failure/failure.ts'
import { Router } from '../gateway/router.ts'
import { parseRequestTarget, type RequestTarget } from '../http/path.ts'
import { EXIT, type Output } from './output.ts'

export interface ExplainOptions {
  /** A method, if there is a URL; a diagnostic's id, a reason or a setting's name, if there is none. */
  readonly subject: string
  readonly url: string | undefined
  readonly config: string
}

/** @returns 0; 1 where no route is found; 2 for what nothing is known of; 78 for a file that is not valid. */
export async function runExplain(options: ExplainOptions, output: Output): Promise<number> {
  return options.url === undefined
    ? explainWord(options.subject, output)
    : explainRequest(options.subject.toUpperCase(), options.url, options.config, output)
}

function explainWord(word: string, output: Output): number {
  const reasons = readReasons()
  const text = isDiagnosticId(word)
    ? renderDiagnosticId(word)
    : (renderReason(word, reasons) ?? renderSetting(word, compileJsonSchema() as SchemaNode))
  if (text !== undefined) {
    output.print(text.trimEnd())
    return EXIT.ok
  }
  const near = suggest(word, [...Object.keys(CATALOGUE), ...reasons.map(({ reason }) => reason)])
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  output.error(`There is no diagnostic, no reason and no setting "${word}".${hint}`)
  output.error('To explain a request, give a method and a URL.')
  return EXIT.usage
}

function explainRequest(method: string, url: string, file: string, output: Output): number {
  const target = parseRequestTarget(url)
  if (target instanceof Failure && target.reason === 'path_form_not_supported') {
    output.error(`${url}: give a path (/accounts) or a URL (https://…)`)
    return EXIT.usage
  }
  const { configuration, diagnostics, sources, redact } = loadConfiguration(file)
  if (configuration === undefined) {
    const rendering = { format: 'text', colour: output.colour, denyWarnings: false } as const
    output.error(renderDiagnostics(diagnostics, sources, rendering).trimEnd())
    return EXIT.badConfiguration
  }
  const { text, isFound } = planOf(method, target, configuration)
  output.print(`${method} ${url}\n\n${redact(text.trimEnd())}`)
  return isFound ? EXIT.ok : EXIT.failed
}

function planOf(
  method: string,
  target: RequestTarget | Failure,
  configuration: Configuration,
): { readonly text: string; readonly isFound: boolean } {
  if (target instanceof Failure) {
    return missed(`400 ${target.reason}: ${findMeaning(target.reason)?.meaning}`)
  }
  const { routes, listeners } = configuration
  const urls = listeners.flatMap(({ publicUrls }) => publicUrls)
  const host = target.authority === undefined ? urls[0]?.host : hostOf(target.authority)
  if (host === undefined || !urls.some((one) => one.host === host)) {
    const served = [...new Set(urls.map((one) => one.prefix))].join(' ')
    return missed(`421 no listener serves this host; the public URLs are ${served}`)
  }
  const { route, allow } = new Router(routes).find(host, method, target.path)
  if (route !== undefined) return { text: renderPlan(route, configuration), isFound: true }
  if (allow.length > 0)
    return missed(`405 the path has routes, for other methods: ${allow.join(', ')}`)
  const nearest = nearestRoutes(routes, target.path).map((one) => `  ${renderRoute(one)}\n`)
  return missed(`404 no route matches this path. The nearest:\n${nearest.join('').trimEnd()}`)
}

function missed(text: string) {
  return { text: `${text}\n`, isFound: false }
}

function hostOf(authority: string): string | undefined {
  return parseEndpoint(`https://${authority}/`)?.host
}
