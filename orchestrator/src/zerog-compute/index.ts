export { zerogEarningsRoutes } from './earnings-routes.ts'
export { openZerog, type Zerog, type ZerogDesk, type ZerogSettings } from './open-zerog.ts'
export { zerogRoutes } from './zerog-routes.ts'
