from devnet.cli import devnet

if __name__ == "__main__":
    devnet(prog_name="devnet")
