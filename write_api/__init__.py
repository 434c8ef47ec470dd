"""The write API: users, KYC, assets, investments, administration."""
