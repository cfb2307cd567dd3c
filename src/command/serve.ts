/**
 * `serve`: runs the gateway until it is told to stop.
 *
 * @module
 */

import { loadFromDisk } from '../adapter/files.ts'
import { type Running, startGateway } from '../adapter/gateway-server.ts'
import { VERSION } from '../adapter/package.ts'
import type { Configuration } from '../config/configuration.ts'
import { createLogger, type Logger } from '../telemetry/log.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
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
  const { configuration, text } = loadFromDisk(file, output.colour)
  if (text !== '') output.error(text.trimEnd())
  if (configuration === undefined) return EXIT.badConfiguration

  const logger = createLogger(configuration.logging.level)
  const metrics = createMetrics()
  let running: Running
  try {
    running = await startGateway(configuration, metrics, logger)
  } catch (error) {
    logger.fatal({ cause: causeOf(error) }, 'the gateway could not start')
    return EXIT.failed
  }
  const stopped = new Promise<number>((resolve) => {
    listenToSignals(running, logger, () => reload(file, running, metrics, logger), resolve)
  })
  void announce(running, configuration, logger)
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
  if (!running.isReady()) {
    logger.warn(facts, `listening, but not ready: no keys of an issuer yet: ${where}`)
    await untilReady(running)
  }
  logger.info(facts, `ready: ${where}`)
}

function untilReady(running: Running): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (!running.isReady()) return
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
  const { configuration, text } = loadFromDisk(file)
  const obstacle = configuration === undefined ? text : await running.reload(configuration)
  if (obstacle === undefined) {
    metrics.configReloads.inc({ result: 'ok' })
    logger.info({ config: configuration?.hash }, 'configuration reloaded')
    return
  }
  metrics.configReloads.inc({ result: 'failed' })
  metrics.configReloadSuccessful.set(0)
  logger.error({ obstacle }, 'the configuration was not reloaded; the old one is still in force')
}

function listenToSignals(
  running: Running,
  logger: Logger,
  onReload: () => Promise<void>,
  onStopped: (code: number) => void,
): void {
  let stopping = false
  const stop = () => {
    if (stopping) process.exit(EXIT.failed)
    stopping = true
    logger.info('stopping: not ready any more, answering what is under way')
    void running.close().then((inTime) => onStopped(inTime ? EXIT.ok : EXIT.failed))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => void onReload())
}

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
