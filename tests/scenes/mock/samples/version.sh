python -c 'import openai; print("version =",openai.__version__)'
# 输出可能是 version = 1.10.0, 表示当前 python 实际使用了 openai 的 v1.10.0 的库
