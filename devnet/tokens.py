"""ERC-20, ERC-721 and ERC-1155 tokens whose events and balances agree."""

from devnet import abi
from devnet.frame import Frame, Functions, Reverted
from evm.primitives import ZERO_ADDRESS, Address

TRANSFER = abi.topic("Transfer(address,address,uint256)")
APPROVAL = abi.topic("Approval(address,address,uint256)")
TRANSFER_SINGLE = abi.topic("TransferSingle(address,address,address,uint256,uint256)")
TRANSFER_BATCH = abi.topic("TransferBatch(address,address,address,uint256[],uint256[])")

TRUE = abi.word(1)

ERC165_INTERFACE = 0x01FFC9A7
ERC721_INTERFACE = 0x80AC58CD
ERC1155_INTERFACE = 0xD9B67A26


def initialise(frame: Frame, arguments: bytes) -> None:
    """Constructor of all three: name, symbol, decimals and the supply minted to the deployer."""
    supply = abi.integer_at(arguments, 3)
    decimals = abi.integer_at(arguments, 2)
    if decimals > 77:  # 10**78 does not fit a word
        raise Reverted(abi.error("decimals out of range"))
    frame.store(abi.text_at(arguments, 0).encode(), "name")
    frame.store(abi.text_at(arguments, 1).encode(), "symbol")
    frame.store(decimals, "decimals")
    frame.store(frame.sender, "owner")
    if supply:
        _move_fungible(frame, ZERO_ADDRESS, frame.sender, supply)


def _require_owner(frame: Frame) -> None:
    if frame.load_bytes("owner") != frame.sender:
        raise Reverted(abi.error("Ownable: caller is not the owner"))


def _require_somebody(sender: Address, standard: str) -> None:
    """Refuse the zero address, from which only minting moves tokens; `eth_call` has it by default."""
    if sender == ZERO_ADDRESS:
        raise Reverted(abi.error(f"{standard}: transfer from the zero address"))


def _name(frame: Frame, _: bytes) -> bytes:
    return abi.returned_text(frame.load_bytes("name").decode())


def _symbol(frame: Frame, _: bytes) -> bytes:
    return abi.returned_text(frame.load_bytes("symbol").decode())


def _owner(frame: Frame, _: bytes) -> bytes:
    return abi.word(frame.load_bytes("owner"))


# --- ERC-20


def _move_fungible(frame: Frame, sender: Address, receiver: Address, amount: int) -> None:
    if sender == ZERO_ADDRESS:
        frame.store(frame.load("supply") + amount, "supply")
    else:
        balance = frame.load("balance", sender)
        if balance < amount:
            raise Reverted(abi.error("ERC20: transfer amount exceeds balance"))
        frame.store(balance - amount, "balance", sender)
    frame.store(frame.load("balance", receiver) + amount, "balance", receiver)
    frame.emit((TRANSFER, abi.word(sender), abi.word(receiver)), abi.word(amount))


def _decimals(frame: Frame, _: bytes) -> bytes:
    return abi.word(frame.load("decimals"))


def _total_supply(frame: Frame, _: bytes) -> bytes:
    return abi.word(frame.load("supply"))


def _balance(frame: Frame, data: bytes) -> bytes:
    return abi.word(frame.load("balance", abi.address_at(data, 0)))


def _allowance(frame: Frame, data: bytes) -> bytes:
    return abi.word(frame.load("allowance", abi.address_at(data, 0), abi.address_at(data, 1)))


def _transfer(frame: Frame, data: bytes) -> bytes:
    _require_somebody(frame.sender, "ERC20")
    _move_fungible(frame, frame.sender, abi.address_at(data, 0), abi.integer_at(data, 1))
    return TRUE


def _approve(frame: Frame, data: bytes) -> bytes:
    spender, amount = abi.address_at(data, 0), abi.integer_at(data, 1)
    frame.store(amount, "allowance", frame.sender, spender)
    frame.emit((APPROVAL, abi.word(frame.sender), abi.word(spender)), abi.word(amount))
    return TRUE


def _transfer_from(frame: Frame, data: bytes) -> bytes:
    owner, receiver, amount = abi.address_at(data, 0), abi.address_at(data, 1), abi.integer_at(data, 2)
    _require_somebody(owner, "ERC20")
    allowance = frame.load("allowance", owner, frame.sender)
    if allowance < amount:
        raise Reverted(abi.error("ERC20: insufficient allowance"))
    if allowance != abi.WORD_MAX:  # the largest allowance never shrinks, as in OpenZeppelin
        frame.store(allowance - amount, "allowance", owner, frame.sender)
    _move_fungible(frame, owner, receiver, amount)
    return TRUE


def _mint_fungible(frame: Frame, data: bytes) -> bytes:
    _require_owner(frame)
    _move_fungible(frame, ZERO_ADDRESS, abi.address_at(data, 0), abi.integer_at(data, 1))
    return b""


ERC20: Functions = {
    abi.selector("name()"): _name,
    abi.selector("symbol()"): _symbol,
    abi.selector("owner()"): _owner,
    abi.selector("decimals()"): _decimals,
    abi.selector("totalSupply()"): _total_supply,
    abi.selector("balanceOf(address)"): _balance,
    abi.selector("allowance(address,address)"): _allowance,
    abi.selector("transfer(address,uint256)"): _transfer,
    abi.selector("approve(address,uint256)"): _approve,
    abi.selector("transferFrom(address,address,uint256)"): _transfer_from,
    abi.selector("mint(address,uint256)"): _mint_fungible,
}

# --- ERC-721: token ids count from 1; "supply" is the last one minted.


def _mint_unique(frame: Frame, data: bytes) -> bytes:
    _require_owner(frame)
    token, receiver = frame.load("supply") + 1, abi.address_at(data, 0)
    frame.store(token, "supply")
    _give_unique(frame, ZERO_ADDRESS, receiver, token)
    return abi.word(token)


def _transfer_unique(frame: Frame, data: bytes) -> bytes:
    owner, receiver, token = abi.address_at(data, 0), abi.address_at(data, 1), abi.integer_at(data, 2)
    if frame.load_bytes("holder", token) != owner or frame.sender != owner:
        raise Reverted(abi.error("ERC721: caller is not token owner or approved"))
    frame.store(frame.load("balance", owner) - 1, "balance", owner)
    _give_unique(frame, owner, receiver, token)
    return b""


def _give_unique(frame: Frame, sender: Address, receiver: Address, token: int) -> None:
    frame.store(receiver, "holder", token)
    frame.store(frame.load("balance", receiver) + 1, "balance", receiver)
    frame.emit((TRANSFER, abi.word(sender), abi.word(receiver), abi.word(token)))


def _owner_of(frame: Frame, data: bytes) -> bytes:
    holder = frame.load_bytes("holder", abi.integer_at(data, 0))
    if not holder:
        raise Reverted(abi.error("ERC721: invalid token ID"))
    return abi.word(holder)


def _token_uri(frame: Frame, data: bytes) -> bytes:
    _owner_of(frame, data)
    return abi.returned_text(f"https://certificates.example/{abi.integer_at(data, 0)}.json")


def _supports_unique(_: Frame, data: bytes) -> bytes:
    return abi.word(int(abi.integer_at(data, 0) >> 224 in (ERC165_INTERFACE, ERC721_INTERFACE)))


ERC721: Functions = {
    abi.selector("name()"): _name,
    abi.selector("symbol()"): _symbol,
    abi.selector("owner()"): _owner,
    abi.selector("totalSupply()"): _total_supply,
    abi.selector("balanceOf(address)"): _balance,
    abi.selector("ownerOf(uint256)"): _owner_of,
    abi.selector("tokenURI(uint256)"): _token_uri,
    abi.selector("supportsInterface(bytes4)"): _supports_unique,
    abi.selector("transferFrom(address,address,uint256)"): _transfer_unique,
    abi.selector("mint(address)"): _mint_unique,
}

# --- ERC-1155


def _move_multi(frame: Frame, sender: Address, receiver: Address, ids: list[int], amounts: list[int]) -> None:
    if len(ids) != len(amounts):
        raise Reverted(abi.error("ERC1155: ids and amounts length mismatch"))
    for token, amount in zip(ids, amounts, strict=True):
        if sender == ZERO_ADDRESS:
            frame.store(frame.load("supply", token) + amount, "supply", token)
        else:
            balance = frame.load("balance", token, sender)
            if balance < amount:
                raise Reverted(abi.error("ERC1155: insufficient balance for transfer"))
            frame.store(balance - amount, "balance", token, sender)
        frame.store(frame.load("balance", token, receiver) + amount, "balance", token, receiver)


def _emit_multi(
    frame: Frame, sender: Address, receiver: Address, ids: list[int], amounts: list[int], *, batch: bool
) -> None:
    parties = (abi.word(frame.sender), abi.word(sender), abi.word(receiver))
    if batch:
        head = abi.words(64, 64 + 32 * (len(ids) + 1))
        frame.emit((TRANSFER_BATCH, *parties), head + abi.array(ids) + abi.array(amounts))
    else:
        frame.emit((TRANSFER_SINGLE, *parties), abi.words(ids[0], amounts[0]))


def _mint_multi(frame: Frame, data: bytes) -> bytes:
    _require_owner(frame)
    receiver, ids, amounts = abi.address_at(data, 0), abi.array_at(data, 1), abi.array_at(data, 2)
    _move_multi(frame, ZERO_ADDRESS, receiver, ids, amounts)
    _emit_multi(frame, ZERO_ADDRESS, receiver, ids, amounts, batch=True)
    return b""


def _transfer_multi(frame: Frame, data: bytes, ids: list[int], amounts: list[int], *, batch: bool) -> bytes:
    owner, receiver = abi.address_at(data, 0), abi.address_at(data, 1)
    _require_somebody(owner, "ERC1155")
    if frame.sender != owner:
        raise Reverted(abi.error("ERC1155: caller is not token owner or approved"))
    _move_multi(frame, owner, receiver, ids, amounts)
    _emit_multi(frame, owner, receiver, ids, amounts, batch=batch)
    return b""


def _transfer_one(frame: Frame, data: bytes) -> bytes:
    return _transfer_multi(frame, data, [abi.integer_at(data, 2)], [abi.integer_at(data, 3)], batch=False)


def _transfer_batch(frame: Frame, data: bytes) -> bytes:
    return _transfer_multi(frame, data, abi.array_at(data, 2), abi.array_at(data, 3), batch=True)


def _balance_multi(frame: Frame, data: bytes) -> bytes:
    return abi.word(frame.load("balance", abi.integer_at(data, 1), abi.address_at(data, 0)))


def _supply_multi(frame: Frame, data: bytes) -> bytes:
    return abi.word(frame.load("supply", abi.integer_at(data, 0)))


def _uri(_: Frame, __: bytes) -> bytes:
    return abi.returned_text("https://assets.example/{id}.json")


def _supports_multi(_: Frame, data: bytes) -> bytes:
    return abi.word(int(abi.integer_at(data, 0) >> 224 in (ERC165_INTERFACE, ERC1155_INTERFACE)))


ERC1155: Functions = {
    abi.selector("name()"): _name,
    abi.selector("symbol()"): _symbol,
    abi.selector("owner()"): _owner,
    abi.selector("uri(uint256)"): _uri,
    abi.selector("totalSupply(uint256)"): _supply_multi,
    abi.selector("balanceOf(address,uint256)"): _balance_multi,
    abi.selector("supportsInterface(bytes4)"): _supports_multi,
    abi.selector("mintBatch(address,uint256[],uint256[])"): _mint_multi,
    abi.selector("safeTransferFrom(address,address,uint256,uint256,bytes)"): _transfer_one,
    abi.selector("safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)"): _transfer_batch,
}
