print("fedcrld")
