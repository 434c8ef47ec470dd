// What clients of Etherscan from npm read of an explorer, as JSON: node etherscan_clients.mjs <base URL> <questions>.
// Nothing of them is changed but where they ask, and of which chain: ethers knows public ones only.
import { createRequire } from "node:module";
import { EtherscanProvider } from "ethers";

const require = createRequire(import.meta.url);
const axios = require("axios");
const etherscan = require("etherscan-api");

const [base, text] = process.argv.slice(2);
const asked = JSON.parse(text);

class Provider extends EtherscanProvider {
  getUrl(module, params) {
    return super.getUrl(module, params).replace("https://api.etherscan.io", base).replace("chainid=1&", `chainid=${asked.chain}&`);
  }
}

const client = axios.create({ baseURL: base, timeout: 10000, proxy: false });
const api = etherscan.init("key", "homestead", 10000, client);
const refused = (promise) => promise.then(() => null, (error) => String(error.message ?? error));
const results = async (promise) => (await promise).result;

const provider = new Provider("mainnet", "key");
const block = await provider.getBlock(asked.block, true);
const receipt = await provider.getTransactionReceipt(asked.transaction);
const transaction = await provider.getTransaction(asked.transaction);

const found = {
  ethers: {
    block_number: await provider.getBlockNumber(),
    balance: String(await provider.getBalance(asked.account)),
    nonce: await provider.getTransactionCount(asked.account),
    code: await provider.getCode(asked.token),
    block: { hash: block.hash, miner: block.miner.toLowerCase(), transactions: block.transactions.length },
    transaction: { from: transaction.from.toLowerCase(), value: String(transaction.value) },
    receipt: { status: receipt.status, gas_used: String(receipt.gasUsed), logs: receipt.logs.length },
    history: await provider.fetch("account", {
      action: "txlist", address: asked.account, startblock: 0, endblock: 99999999, sort: "asc",
    }),
    contract: await provider.getContract(asked.token),
  },
  etherscan_api: {
    balance: await results(api.account.balance(asked.account)),
    balances: await results(api.account.balance([asked.account, asked.token])),
    transactions: await results(api.account.txlist(asked.account, 1, "latest", 1, 100, "desc")),
    token_transfers: await results(api.account.tokentx(asked.account, asked.token, 1, "latest", 1, 100, "asc")),
    token_balance: await results(api.account.tokenbalance(asked.account, "", asked.token)),
    supply: await results(api.stats.tokensupply(null, asked.token)),
    reward: await results(api.block.getblockreward("", asked.block)),
    logs: await results(api.log.getLogs(asked.token, String(asked.block), String(asked.block + 9))),
    status: await results(api.transaction.getstatus(asked.transaction)),
    head: await results(api.proxy.eth_blockNumber()),
    abi: await refused(api.contract.getabi(asked.token)),
    price: await refused(api.stats.ethprice()),
    sent: await refused(api.proxy.eth_sendRawTransaction("0x00")),
  },
};
process.stdout.write(JSON.stringify(found), () => process.exit(0));
