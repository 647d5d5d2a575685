from sanyou.cli import main

main()
