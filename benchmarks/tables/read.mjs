// Prints a Parquet file as JSON: the rows, as hyparquet gives them; a BigInt as {"bigint": "1"}.
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'

const file = await asyncBufferFromFile(process.argv[2])
const rows = await parquetReadObjects({ file })
const plain = (_, value) =>
  typeof value === 'bigint' ? { bigint: String(value) }
    : ArrayBuffer.isView(value) ? Array.from(value) : value
console.log(JSON.stringify(rows, plain))
