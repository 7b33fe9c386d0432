import { walkCrashes } from '../../testing/walk-crashes.ts'

walkCrashes('close')
