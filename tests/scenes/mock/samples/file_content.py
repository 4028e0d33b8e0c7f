# file_content = client.files.retrieve_content(file_id=file_object.id)
# type of file_content is `str`
# 注意, 之前 retrieve_content api 在最新版本标记了 warning, 可以用下面这行代替
# 如果是旧版本, 可以用 retrieve_content
file_content = client.files.content(file_id=file_object.id).text
# 我们的输出结果目前是一个内部约定好格式的 json, 但是在 message 中应该以 text 格式放进去
