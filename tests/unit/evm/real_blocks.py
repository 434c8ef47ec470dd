"""Headers of blocks that exist, in JSON-RPC's spelling; each comes with a hash that others computed.

Of public networks, or published by the owners of private ones. Where no block hash was published, the hash
that the validators signed stands in its place.
"""

from evm.blocks import Header
from evm.primitives import EMPTY_ROOT, EMPTY_UNCLES_HASH, hex_to_bytes, hex_to_int, to_hex

_QUANTITIES = {"difficulty", "number", "gas_limit", "gas_used", "timestamp", "base_fee_per_gas"}

EMPTY = {
    "parent_hash": "0x" + "00" * 32,
    "sha3_uncles": to_hex(EMPTY_UNCLES_HASH),
    "miner": "0x" + "00" * 20,
    "transactions_root": to_hex(EMPTY_ROOT),
    "receipts_root": to_hex(EMPTY_ROOT),
    "logs_bloom": "0x" + "00" * 256,
    "gas_used": "0x0",
    "mix_hash": "0x" + "00" * 32,
    "nonce": "0x" + "00" * 8,
}
BFT_MIX_HASH = "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365"


def header_from_hex(fields: dict[str, str]) -> Header:
    decoded = {
        name: hex_to_int(value) if name in _QUANTITIES else hex_to_bytes(value)
        for name, value in (EMPTY | fields).items()
    }
    return Header(**decoded)  # type: ignore[arg-type]  # the names decide between the two types


MAINNET_GENESIS_HASH = "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
MAINNET_GENESIS = header_from_hex(
    {
        "state_root": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
        "difficulty": "0x400000000",
        "number": "0x0",
        "gas_limit": "0x1388",
        "timestamp": "0x0",
        "extra_data": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
        "nonce": "0x0000000000000042",
    }
)

MAINNET_1_HASH = "0x88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6"
MAINNET_1 = header_from_hex(
    {
        "parent_hash": MAINNET_GENESIS_HASH,
        "miner": "0x05a56e2d52c817161883f50c441c3228cfe54d9f",
        "state_root": "0xd67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3",
        "difficulty": "0x3ff800000",
        "number": "0x1",
        "gas_limit": "0x1388",
        "timestamp": "0x55ba4224",
        "extra_data": "0x476574682f76312e302e302f6c696e75782f676f312e342e32",
        "mix_hash": "0x969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59",
        "nonce": "0x539bd4979fef1ec4",
    }
)

# Clique, on the public test network Goerli: one authority named in genesis, which signed block 1.
GOERLI_AUTHORITY = "0xe0a2bd4258d2768837baa26a28fe71dc079f84c7"
GOERLI_GENESIS_HASH = "0xbf7e331f7f7c1dd2e05159666b3bf8bc7a8a3a9eb1d518969eab529dd9b88c1a"
GOERLI_STATE_ROOT = "0x5d6cded585e73c4e322c30c2f782a336316f17dd85a4863b9d838d2d4b8b3008"
GOERLI_GENESIS = header_from_hex(
    {
        "state_root": GOERLI_STATE_ROOT,
        "difficulty": "0x1",
        "number": "0x0",
        "gas_limit": "0xa00000",
        "timestamp": "0x5c51a607",
        "extra_data": (
            "0x22466c6578692069732061207468696e6722202d204166726900000000000000"
            + GOERLI_AUTHORITY.removeprefix("0x")
            + "00" * 65
        ),
    }
)

GOERLI_1_HASH = "0x8f5bab218b6bb34476f51ca588e9f4553a3a7ce5e13a66c660a5283e97e9a85a"
GOERLI_1 = header_from_hex(
    {
        "parent_hash": GOERLI_GENESIS_HASH,
        "state_root": GOERLI_STATE_ROOT,
        "difficulty": "0x2",
        "number": "0x1",
        "gas_limit": hex(10475521),
        "timestamp": hex(1548947453),
        "extra_data": (
            "0x506172697479205465636820417574686f726974790000000000000000000000"
            "2bbf886181970654ed46e3fae0ded41ee53fec702c47431988a7ae80e6576f35"
            "52684f069af80ba11d36327aaf846d470526e4a1c461601b2fd4ebdcdc2b734a01"
        ),
    }
)

# IBFT2 with one validator.
IBFT2_100655_HASH = "0x1554b4e9630243666d846dfe5339adb4fadde1c127d7dd52f287a4a0c6d08994"
IBFT2_100655 = header_from_hex(
    {
        "parent_hash": "0x7c3a8fd89f73912f0c76ac485907bf6485aa0114416d7f44ac8564b71492124a",
        "miner": "0xca31306798b41bc81c43094a1e0462890ce7a673",
        "state_root": "0xf60a2a5ccd66ff43c0f4bfb9b0b4e67a80de725cdc445b5992607c8033e603d6",
        "difficulty": "0x1",
        "number": hex(100655),
        "gas_limit": hex(100000000),
        "timestamp": hex(1625478093),
        "extra_data": (
            "0xf882a00000000000000000000000000000000000000000000000000000000000000000d594ca3130"
            "6798b41bc81c43094a1e0462890ce7a673808400000000f843b84141d126be3fad3947774970043207"
            "d182e9544925eb873e6a42e359027eeb239f55319d436301cce9dc1c0f580730b90d58a048d38d6c7d"
            "f928bef7dd813c333700"
        ),
        "mix_hash": BFT_MIX_HASH,
    }
)

# QBFT, the genesis block of a five-validator network, in the words of Besu (hyperledger/besu PR 6285).
QBFT_GENESIS_HASH = "0x74f92c171677a9f8b1eac53fc4f2c2e0d6bbc7a7b9b259fd0067f7b573951e16"
QBFT_GENESIS = header_from_hex(
    {
        "state_root": to_hex(EMPTY_ROOT),
        "difficulty": "0x1",
        "number": "0x0",
        "gas_limit": "0x1fffffffffffff",
        "timestamp": "0x58ee40ba",
        "extra_data": (
            "0xf88fa00000000000000000000000000000000000000000000000000000000000000000f869945c94"
            "37de876531c73c9618d13872f7508869f2539474474cf92e9b74df7a2ce2c4fbc0830c773b7a769462"
            "f241db855d439cc79f5d2bd4a58eeb9c5d01cd946d544f03911b74425dd4112e95f93b82ac6302f194"
            "77fd5cb2aea0b91e7e4faf7625bf9dbaee39ee47c080c0"
        ),
        "mix_hash": BFT_MIX_HASH,
    }
)

# QBFT, agreed on in round 1 and sealed by three of four validators (datachainlab/besu-qbft-elc).
QBFT_7528_SEAL_HASH = "0x75ea184f58cd3f0ef89032a069df01f07ec524ef3a85cf6d3e424d62130c0a32"
QBFT_7528_VALIDATORS = (
    "0x647bfdd19655e51e69d35454ff3a92f8828e6302",
    "0xa5c8416b9d13417b45b45ada76408f39d1e504ef",
    "0xb92e91f4dcc9d28503be521afa2a8fbf3c1acf60",
    "0xee3353e587cfa91625a1adaef308a726de3803d3",
)
QBFT_7528 = header_from_hex(
    {
        "parent_hash": "0x0af93e70b1c6d3974a88a42eb70bb61adbd523bfac0c83027ba4637c52746a0f",
        "miner": "0xee3353e587cfa91625a1adaef308a726de3803d3",
        "state_root": "0x166ed98eea93ab2b6f6b1a425526994adc2d675bf9a0d77d600ed1e02d8f77df",
        "difficulty": "0x1",
        "number": hex(7528),
        "gas_limit": "0x47b760",
        "timestamp": hex(1715495307),
        "extra_data": (
            "0xf90144a00000000000000000000000000000000000000000000000000000000000000000f8549464"
            "7bfdd19655e51e69d35454ff3a92f8828e630294a5c8416b9d13417b45b45ada76408f39d1e504ef94"
            "b92e91f4dcc9d28503be521afa2a8fbf3c1acf6094ee3353e587cfa91625a1adaef308a726de3803d3"
            "c001f8c9b841bc7633fd65570f610a595086e9a34e5bf6aacfb67b8f8cd01852e6b285147f046a5057"
            "7b49378b86723ac9b456ef59ef7ab57cda7139d807f10f58e8cb10c67600b841ad1defc2b0b4a48158"
            "cff24778bb5ba4d9f373c171022ab0a42e37bdb0d4025718434d303a8d94df56ef9ad5219be9f27b2f"
            "67179a7fb82d3323dde29546f9f701b841e233d3670dd97c715f72b440eeb1ccb1e22c8c23f6ab470c"
            "46c99c2d0ee6509f0341a42e0e4569782557e93c3815e8ca4294043595f69a90f73f135de8ecf41e00"
        ),
        "mix_hash": BFT_MIX_HASH,
    }
)
