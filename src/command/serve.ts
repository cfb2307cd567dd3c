/**
 * `serve`: runs the gateway until it is told to stop.
 *
 * @module
 */

import cluster from 'node:cluster'
import { loadFromDisk } from '../adapter/files.ts'
import { startGateway } from '../adapter/gateway-server.ts'
import { VERSION } from '../adapter/package.ts'
import type { Running } from '../adapter/running.ts'
import { startCrew } from '../adapter/workers/crew.ts'
import { PLACE, runWorker } from '../adapter/workers/worker.ts'
import type { Configuration } from '../config/configuration.ts'
import { createLogger, type Logger } from '../telemetry/log.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { standardOutput } from '../telemetry/standard-output.ts'
import { EXIT, type Output } from './output.ts'

/**
 * Serves a configuration file.
 *
 * SIGTERM and SIGINT drain and end; a second one ends at once. SIGHUP reads the file again: a file with
 * errors, or with a change that needs a restart, leaves everything as it was and says so.
 *
 * @returns The exit code, when the gateway has stopped.
 */
export async function runServe(file: string, output: Output): Promise<number> {
  if (cluster.isWorker && process.env[PLACE] !== undefined) return runWorker()
  // RFC 9449 §11.1: workers of somebody else's would each remember the used proofs that they saw themselves.
  if (cluster.isWorker) {
    output.error(
      'This is a worker of a Node cluster, and its workers cannot share the memory of used DPoP proofs: run one process, and set workers in its configuration.',
    )
    return EXIT.failed
  }
  const { configuration, text } = loadFromDisk(file, output.colour)
  if (text !== '') output.error(text.trimEnd())
  if (configuration === undefined) return EXIT.badConfiguration

  const metrics = createMetrics()
  const dropped = (lines: number) => metrics.logLinesDropped.inc(lines)
  const destination = standardOutput(dropped, configuration.workers > 1)
  const logger = createLogger(configuration.logging.level, destination)
  const start = configuration.workers === 1 ? startGateway : startCrew
  const starting: Promise<Running> = start(configuration, metrics, logger)
  // From now on: a signal that comes while issuers are asked waits until they have answered.
  const stopped = untilStopped(starting, file, metrics, logger)
  try {
    void announce(await starting, configuration, logger)
  } catch (error) {
    logger.fatal({ cause: causeOf(error) }, 'the gateway could not start')
    return EXIT.failed
  }
  return await stopped
}

/** Says where the gateway is, as soon as it can decide requests. */
async function announce(running: Running, configuration: Configuration, logger: Logger) {
  const facts = {
    version: VERSION,
    profile: configuration.profile,
    config: configuration.hash,
    listeners: running.addresses,
    admin: running.adminAddress,
  }
  const where = [...running.addresses, `admin ${running.adminAddress ?? 'off'}`].join(', ')
  if (!(await running.isReady())) {
    logger.warn(facts, `listening, but not ready yet, as /readyz?verbose says: ${where}`)
    await untilReady(running)
  }
  logger.info(facts, `ready: ${where}`)
}

function untilReady(running: Running): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(async () => {
      if (!(await running.isReady())) return
      clearInterval(timer)
      resolve()
    }, 200)
    timer.unref()
  })
}

async function reload(
  file: string,
  running: Running,
  metrics: Metrics,
  logger: Logger,
): Promise<void> {
  const { configuration, diagnostics } = loadFromDisk(file)
  const obstacles =
    configuration === undefined
      ? diagnostics.map(
          ({ position: { file, line, column }, id, message }) =>
            `${file}:${line}:${column} ${id}: ${message}`,
        )
      : [await running.reload(configuration).catch(causeOf)].filter((one) => one !== undefined)
  if (obstacles.length === 0) {
    metrics.configReloads.inc({ result: 'ok' })
    logger.info({ config: configuration?.hash }, 'configuration reloaded')
    return
  }
  metrics.configReloads.inc({ result: 'failed' })
  metrics.configReloadSuccessful.set(0)
  logger.error({ obstacles }, 'the configuration was not reloaded; the old one is still in force')
}

/** Listens to signals; the exit code when the gateway has stopped. */
function untilStopped(
  starting: Promise<Running>,
  file: string,
  metrics: Metrics,
  logger: Logger,
): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false
    let wellEnded: number = EXIT.ok
    const stop = () => {
      if (stopping) process.exit(EXIT.failed)
      stopping = true
      logger.info('stopping: not ready any more, then no new connections; again to end at once')
      starting
        .then((running) => running.close())
        .then((inTime) => {
          logger.info(inTime ? 'stopped' : 'stopped, and requests under way were cut off')
          resolve(inTime ? wellEnded : EXIT.failed)
        })
        .catch(() => {})
    }
    starting
      .then(({ failed }) =>
        failed?.then(() => {
          wellEnded = EXIT.failed
          if (!stopping) stop()
        }),
      )
      .catch(() => {})
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    process.on('SIGHUP', () => {
      starting.then((running) => reload(file, running, metrics, logger)).catch(() => {})
    })
  })
}

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
