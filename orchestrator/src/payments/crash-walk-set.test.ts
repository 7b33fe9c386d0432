import { walkCrashes } from '../../testing/walk-crashes.ts'

walkCrashes('set')
