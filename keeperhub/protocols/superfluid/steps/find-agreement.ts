/**
 * The host and the distribution agreement of a Super Token, asked of the token itself. So these steps need no forwarder's address, and
 * work wherever a Super Token is: on 0G (16602, 16661), where Superfluid's forwarders do not lie at their usual addresses, too.
 */

import { distributionAgreement } from '../superfluid-abi.ts'
import type { StepFailure, SuperfluidPort } from '../superfluid-port.ts'
import { failed } from '../superfluid-port.ts'

export interface Deployment {
  readonly success: true
  readonly host: string
  readonly gda: string
}

export async function findAgreement(token: string, port: SuperfluidPort): Promise<Deployment | StepFailure> {
  const host = await port.read(token, 'getHost', [])
  if (!host.success) return failed(`${token} is no Super Token: ${host.error}`)
  const gda = await port.read(String(host.result), 'getAgreementClass', [distributionAgreement])
  if (!gda.success) return failed(`The host ${String(host.result)} knows no distribution agreement: ${gda.error}`)
  return { success: true, host: String(host.result), gda: String(gda.result) }
}
