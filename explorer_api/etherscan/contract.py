"""module=contract: registered ABIs, who made contracts, and a list of them. Nothing is verified here."""

import msgspec

from explorer_api.answer import Answer
from explorer_api.etherscan.answering import Actions, Asked, queries
from explorer_api.etherscan.envelope import Refused

_NOT_VERIFIED = "Contract source code not verified"
_CREATIONS_MAX = 5


async def getabi(asked: Asked) -> Answer:
    row = await asked.read(queries.select_contract_abi, asked.parameters.address())
    return asked.answer(row, absent=_NOT_VERIFIED)


async def getsourcecode(asked: Asked) -> Answer:
    """Sources are not kept: the ABI, its name, and whether the contract is a proxy."""
    row = await asked.read(queries.select_contract_abi, asked.parameters.address())
    source = {
        "SourceCode": "",
        "ABI": row["abi"] or _NOT_VERIFIED,
        "ContractName": row["name"] or "",
        "CompilerVersion": "",
        "OptimizationUsed": "",
        "Runs": "",
        "ConstructorArguments": "",
        "EVMVersion": "",
        "Library": "",
        "LicenseType": "",
        "Proxy": "1" if row["implementation"] else "0",
        "Implementation": row["implementation"],
        "SwarmSource": "",
    }
    body = msgspec.json.encode([source])
    return asked.answer(row, result=body)


async def getcontractcreation(asked: Asked) -> Answer:
    addresses = asked.parameters.addresses("contractaddresses", _CREATIONS_MAX)
    row = await asked.hinted(
        lambda: asked.value(queries.select_creation_blocks, addresses),
        lambda blocks: asked.read(queries.select_contract_creations, addresses, blocks),
    )
    return asked.answer(row, empty="No data found")


async def listcontracts(asked: Asked) -> Answer:
    window = asked.parameters.window()
    row = await asked.page(window, lambda: asked.read(queries.select_contracts, window.rows, window.skipped))
    return asked.answer(row, empty="No contracts found")


async def refuse_verification(_: Asked) -> Answer:
    raise Refused("Error! Sources are not verified here; an operator can register a contract's ABI")


ACTIONS: Actions = {
    "getabi": getabi,
    "getsourcecode": getsourcecode,
    "getcontractcreation": getcontractcreation,
    "listcontracts": listcontracts,
    "verifysourcecode": refuse_verification,
    "checkverifystatus": refuse_verification,
    "verifyproxycontract": refuse_verification,
    "checkproxyverification": refuse_verification,
}
