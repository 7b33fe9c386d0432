/**
 * What we use of 0G Storage's flow contract, as viem reads it: true of 0G's own and of StorageFlow, which stands in for it. Lengths and
 * positions are in sectors of 256 bytes, but a submission's own `length` is in bytes.
 */
import { parseAbi } from 'viem'

export const storageFlowAbi = parseAbi([
  'struct SubmissionNode { bytes32 root; uint256 height; }',
  'struct SubmissionData { uint256 length; bytes tags; SubmissionNode[] nodes; }',
  'struct Submission { SubmissionData data; address submitter; }',
  'function submit(Submission submission) payable returns (uint256 index, bytes32 digest, uint256 startIndex, uint256 length)',
  'function market() view returns (address)',
  'function pricePerSector() view returns (uint256)',
  'function numSubmissions() view returns (uint256)',
  'event Submit(address indexed sender, bytes32 indexed identity, uint256 submissionIndex, uint256 startPos, uint256 length, SubmissionData submission)',
])
